package alert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// HTTP sends a message as JSON to a URL, signed if there is a secret.
type HTTP struct {
	URL    string
	Secret string
}

// Send implements Sender. Answers of 2xx are a success; 408, 429 and 5xx are repeated.
func (h HTTP) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("writing the message: %w", err)
	}
	return post(ctx, h.URL, body, func(header http.Header) {
		if h.Secret != "" {
			header.Set("X-Signature", Sign(h.Secret, time.Now(), body))
		}
	})
}

// Sign returns the value of X-Signature for a body sent at t: the same as of http destinations. A
// receiver computes it again from the t in the header, compares, and refuses a t that is not recent,
// so that nobody can replay a request.
func Sign(secret string, t time.Time, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(m, "%d.", t.Unix())
	m.Write(body)
	return fmt.Sprintf("t=%d,v1=%s", t.Unix(), hex.EncodeToString(m.Sum(nil)))
}

// post sends JSON and repeats it while the receiver is away. headers is asked before every try.
// No error holds the URL, which may be a secret.
func post(ctx context.Context, to string, body []byte, headers func(http.Header)) error {
	c := retryablehttp.NewClient()
	defer c.HTTPClient.CloseIdleConnections()
	c.Logger = nil
	c.RetryMax = len(repeats)
	c.HTTPClient.Timeout = perTry
	// A redirect could lead the message elsewhere.
	c.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.CheckRetry = func(ctx context.Context, r *http.Response, err error) (bool, error) {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return err != nil || r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusRequestTimeout || r.StatusCode >= 500, nil //nolint:nilerr // repeated, and told at the end
	}
	c.Backoff = func(_, _ time.Duration, i int, r *http.Response) time.Duration {
		wait := repeats[min(i, len(repeats)-1)]
		if r != nil && (r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusServiceUnavailable) {
			if asked, err := time.ParseDuration(r.Header.Get("Retry-After") + "s"); err == nil && asked > wait {
				return min(asked, longest)
			}
		}
		return wait
	}
	c.PrepareRetry = func(r *http.Request) error { headers(r.Header); return nil }
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, to, body)
	if err != nil {
		return errors.New("the url is not the address of a server")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "weir")
	headers(req.Header)
	resp, err := c.Do(req)
	if err != nil {
		var named *url.Error
		if errors.As(err, &named) {
			err = named.Err
		}
		return fmt.Errorf("sending the message: %w", err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // for the error; what is missing of it is no loss
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("sending the message: the receiver answered %d: %s", resp.StatusCode, bytes.TrimSpace(answer))
	}
	return nil
}

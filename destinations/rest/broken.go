package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"github.com/weir-data/weir/destinations"
)

// broken makes the fault of a request that got no whole answer. The texts of network errors
// carry URLs and bytes that a server sent, so only their kind and the host are kept.
func broken(ctx context.Context, req *http.Request, err error, left, read bool) *destinations.Fault {
	f := &destinations.Fault{Class: destinations.Transient}
	var auth authError
	switch {
	case errors.As(err, &auth):
		var own *destinations.Fault
		if errors.As(auth.err, &own) {
			return own
		}
		return &destinations.Fault{Class: destinations.Refused, Code: "credential", Text: auth.Error()}
	case errors.Is(err, ErrHost):
		return &destinations.Fault{Class: destinations.Config, Code: "host_not_allowed",
			Text: "requests to " + req.URL.Hostname() + " are not allowed", Err: ErrHost}
	}
	if left && !read {
		f.Class = destinations.Ambiguous
	}
	f.Code, f.Err = kind(err)
	if errors.Is(ctx.Err(), context.Canceled) {
		f.Code, f.Err = "cancelled", ctx.Err()
	}
	f.Text = words[f.Code] + " (" + req.URL.Hostname() + ")"
	return f
}

var words = map[string]string{
	"cancelled":  "the request was given up",
	"timeout":    "no answer in time",
	"dns":        "the host's name was not found",
	"refused":    "the host refuses connections",
	"reset":      "the connection was reset",
	"eof":        "the connection was closed in the middle of the answer",
	"tls":        "the host's certificate is not valid",
	"connection": "the connection broke",
}

// kind names a network error and returns a cause that is safe to print.
func kind(err error) (string, error) {
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled", context.Canceled
	case errors.As(err, &dns):
		return "dns", errors.New("name not found")
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused", syscall.ECONNREFUSED
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset", syscall.ECONNRESET
	case errors.As(err, &cert), errors.As(err, &authority), errors.As(err, &host):
		return "tls", errors.New("certificate not valid")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout", context.DeadlineExceeded
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout", context.DeadlineExceeded
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "eof", io.ErrUnexpectedEOF
	}
	return "connection", errors.New("connection broken")
}

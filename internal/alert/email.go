package alert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/wneessen/go-mail"
)

// Email sends a message by SMTP.
type Email struct {
	Host     string
	Port     int
	User     string // "" signs in nowhere
	Password string
	TLS      string // starttls, tls or none
	From     string
	To       []string

	roots *x509.CertPool // nil: those of the system
}

// Send implements Sender. A message that some receivers of several refused counts as not sent.
func (e Email) Send(ctx context.Context, m Message) error {
	msg, err := e.message(m)
	if err != nil {
		return err
	}
	return tried(ctx, func(ctx context.Context) error {
		var opened net.Conn
		defer func() { // the client leaves it open where something fails
			if opened != nil {
				_ = opened.Close()
			}
		}()
		dial := func(ctx context.Context, network, address string) (_ net.Conn, err error) {
			opened, err = e.dial(ctx, network, address)
			return opened, err
		}
		c, err := mail.NewClient(e.Host, append(e.options(), mail.WithDialContextFunc(dial))...)
		if err != nil {
			return permanent{fmt.Errorf("sending email: %w", err)}
		}
		err = c.DialAndSendWithContext(ctx, msg)
		if err == nil {
			return nil
		}
		var refused *mail.SendError
		if errors.As(err, &refused) {
			// Its own words name the receivers.
			text := fmt.Errorf("sending email: the server refused the message: %d %s", refused.ErrorCode(), refused.Reason.String())
			if !refused.IsTemp() {
				return permanent{text}
			}
			return text
		}
		return fmt.Errorf("sending email: %w", err)
	})
}

// dial connects, encrypted from the start where that is asked for.
func (e Email) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if e.TLS == "tls" {
		d := tls.Dialer{Config: e.config()}
		return d.DialContext(ctx, network, address)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

func (e Email) config() *tls.Config {
	return &tls.Config{ServerName: e.Host, MinVersion: tls.VersionTLS12, RootCAs: e.roots}
}

func (e Email) options() []mail.Option {
	out := []mail.Option{mail.WithTimeout(perTry), mail.WithTLSConfig(e.config())}
	switch e.TLS {
	case "tls":
		out = append(out, mail.WithSSL())
	case "none":
		out = append(out, mail.WithTLSPolicy(mail.NoTLS))
	default:
		out = append(out, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if e.User != "" {
		out = append(out, mail.WithOpportunisticSMTPAuth(signIns...), mail.WithUsername(e.User), mail.WithPassword(e.Password))
	}
	return append(out, mail.WithPort(e.Port))
}

// signIns are the ways to sign in, best first. Those that show the password are used over encrypted
// connections only: the client refuses them on others, and so does the check of the project.
var signIns = []mail.SMTPAuthType{mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5}

func (e Email) message(m Message) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(e.From); err != nil {
		return nil, errors.New("sending email: from is not an address")
	}
	if err := msg.To(e.To...); err != nil {
		return nil, errors.New("sending email: to is not a list of addresses")
	}
	msg.Subject(cut(m.subject(), 200))
	msg.SetDateWithValue(m.At)
	msg.SetMessageIDWithValue(m.ID + "@weir")
	// Nobody's "out of office" is wanted in return. RFC 3834.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, m.plain())
	return msg, nil
}

package rest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/weir-data/weir/destinations"
)

// ErrHost is why a request was not sent: its host is not one that the destination names, or its
// name leads to an address that is not public.
var ErrHost = errors.New("host not allowed")

// Guard says where requests may go.
type Guard struct {
	// Hosts are exact names, "*.example.com" for any name under it, or "name:port" for one port
	// only. Spec.AllowedHosts makes this list.
	Hosts []string
	// AllowPrivate lets names lead to loopback and private addresses, and allows plain http to
	// them: for sandboxes and for webhooks inside a company. Link-local addresses, where clouds
	// serve their credentials, stay forbidden.
	AllowPrivate bool
}

// NewTransport returns the Env.HTTP of the engine. Addresses are checked after the name was
// resolved, at the moment of connecting, so that a name that changes its address is caught.
// Redirects are followed for reads within the same host only. Proxies of the environment are
// not used, since they would hide the address.
func NewTransport(g Guard) destinations.Doer {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, ControlContext: g.control}
	t := &http.Transport{
		DialContext:            d.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    16,
		MaxConnsPerHost:        64,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  2 * time.Minute,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
	return &guarded{g: g, c: &http.Client{Transport: t, CheckRedirect: g.redirect}}
}

type guarded struct {
	g Guard
	c *http.Client
}

// Do performs a request to an allowed host.
func (d *guarded) Do(r *http.Request) (*http.Response, error) {
	if !d.g.allows(r.URL.Scheme, r.URL.Host) {
		return nil, ErrHost
	}
	return d.c.Do(r)
}

func (g Guard) redirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	read := first.Method == http.MethodGet || first.Method == http.MethodHead
	if !read || len(via) > 3 || r.URL.Host != first.URL.Host || r.URL.Scheme != first.URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

// allows reports whether the list names host, which may carry a port.
func (g Guard) allows(scheme, host string) bool {
	if scheme != "https" && !(scheme == "http" && g.AllowPrivate) {
		return false
	}
	host = strings.ToLower(host)
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	for _, a := range g.Hosts {
		a = strings.ToLower(a)
		if a == host || strings.Trim(a, "[]") == name {
			return true
		}
		if suffix, ok := strings.CutPrefix(a, "*"); ok && strings.HasPrefix(suffix, ".") &&
			strings.HasSuffix(name, suffix) && len(name) > len(suffix) {
			return true
		}
	}
	return false
}

// control runs for each resolved address before connecting to it.
func (g Guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !g.reachable(ap.Addr()) {
		return ErrHost
	}
	return nil
}

// special lists the ranges that are not on the public internet and that netip has no word for
// (IANA special-purpose address registries), and those that embed an IPv4 address.
var special = func() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
		"2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}()

// reachable reports whether a request may connect to a.
func (g Guard) reachable(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast():
		return false
	case a.IsLoopback(), a.IsPrivate():
		return g.AllowPrivate
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

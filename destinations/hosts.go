package destinations

import (
	"net/url"
	"slices"
)

// AllowedHosts lists the hosts that a session with these settings may send requests to: those
// of the spec and of every setting that is an URL. A host keeps the port that its URL names.
func (s Spec) AllowedHosts(settings map[string]any) []string {
	out := slices.Clone(s.Hosts)
	for _, st := range s.Settings {
		if !st.Host {
			continue
		}
		text, _ := settings[st.Name].(string)
		if u, err := url.Parse(text); err == nil && u.Host != "" && !slices.Contains(out, u.Host) {
			out = append(out, u.Host)
		}
	}
	return out
}

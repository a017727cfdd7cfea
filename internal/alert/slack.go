package alert

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Slack sends a message to an incoming webhook.
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
type Slack struct{ URL string }

// Limits of blocks: https://docs.slack.dev/reference/block-kit/blocks
const (
	slackHeader  = 150  // characters of a header
	slackSection = 3000 // characters of a section's text
)

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

// Send implements Sender.
func (s Slack) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(slackMessage(m))
	if err != nil {
		return fmt.Errorf("writing the message: %w", err)
	}
	return post(ctx, s.URL, body, func(http.Header) {})
}

// marks tell at a glance what a message is about.
var marks = map[string]string{Failed: "🔴", Held: "✋", Degraded: "🟠", Recovered: "🟢", Resync: "🔁", SizeChange: "📏", Test: "👋"}

// slackMessage writes the message as blocks, with a text for notifications.
func slackMessage(m Message) map[string]any {
	title := marks[m.Event] + " " + m.Title
	var facts, foot []string
	for _, f := range m.Facts() {
		switch f[0] {
		case "Look":
			facts = append(facts, "*Look:* `"+strings.ReplaceAll(slackEscape(f[1]), "`", "'")+"`")
		case "Project", "Run", "Code":
			foot = append(foot, slackEscape(f[1]))
		default:
			facts = append(facts, "*"+f[0]+":* "+slackEscape(f[1]))
		}
	}
	blocks := []slackBlock{{Type: "header", Text: &slackText{"plain_text", cut(title, slackHeader)}}}
	for _, text := range []string{slackEscape(m.Text), strings.Join(facts, "\n")} {
		if text != "" {
			blocks = append(blocks, slackBlock{Type: "section", Text: &slackText{"mrkdwn", cut(text, slackSection)}})
		}
	}
	blocks = append(blocks, slackBlock{Type: "context", Elements: []slackText{{"mrkdwn", cut(strings.Join(foot, " · "), slackSection)}}})
	return map[string]any{"text": cut(slackEscape(m.subject()+": "+m.Text), slackSection), "blocks": blocks}
}

// slackEscape takes their meaning from the characters by which Slack makes links and mentions.
// https://docs.slack.dev/messaging/formatting-message-text
func slackEscape(text string) string { return slackEscapes.Replace(text) }

var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// cut shortens a text to n characters, and does not leave half an entity behind.
func cut(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	short := string(r[:n-1])
	if i := strings.LastIndexByte(short, '&'); i >= 0 && !strings.Contains(short[i:], ";") {
		short = short[:i]
	}
	return short + "…"
}

package bench

import "fmt"

// Result is what was measured.
type Result struct {
	Rows      int64   `json:"rows"`
	Changes   int64   `json:"changes"`
	Workers   int     `json:"workers"`
	LatencyMS float64 `json:"latency_ms"`
	Memory    string  `json:"memory_limit"`
	CPUs      int     `json:"cpus"`

	Diff    Diff    `json:"diff"`
	Bare    Bare    `json:"bare"`
	Sync    Whole   `json:"sync"`
	Nothing Whole   `json:"nothing"`
	Waiting Waiting `json:"waiting"`

	Figures []Figure `json:"figures"`
}

// Figure is a line of the table.
type Figure struct {
	What     string  `json:"what"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	Baseline string  `json:"baseline,omitempty"` // what it was measured beside
	Bar      string  `json:"bar,omitempty"`
	// Kept is false for a figure below its bar. One without a bar is kept.
	Kept bool `json:"kept"`
}

// The bars. Those of whole syncs are for ten million rows with a million changes, and shrink with
// them.
const (
	barDelivered = 250_000 // rows for a CPU second of the delivery stage
	barBare      = 0.40    // of what a bare loop delivers
	barSync      = 16.0    // CPU seconds
	barNothing   = 4.0     // CPU seconds
	barDiff      = 1.2     // times the SQL by hand
	barMemory    = 512     // MiB at a limit of 256MB for the warehouse
	barWaiting   = 0.90    // of workers × batch / latency
	barStop      = 2.0     // seconds

	fullRows, fullChanges = 10_000_000, 1_000_000
)

// judge makes the table.
func (r *Result) judge() {
	add := func(what string, v float64, unit, baseline, bar string, kept bool) {
		r.Figures = append(r.Figures, Figure{what, v, unit, baseline, bar, kept})
	}
	share := float64(r.Rows) / fullRows
	mine, bare := float64(r.Sync.Rows)/r.Sync.Deliver.CPU, float64(r.Bare.Rows)/r.Bare.CPU
	add("delivery stage", mine, "rows per CPU s", fmt.Sprintf("%.0f rows/s passed", float64(r.Sync.Rows)/r.Sync.Deliver.Seconds), fmt.Sprintf("≥ %d", barDelivered), mine >= barDelivered)
	add("of a bare Go loop", 100*mine/bare, "%", fmt.Sprintf("%.0f rows per CPU s", bare), fmt.Sprintf("≥ %.0f", 100*barBare), mine/bare >= barBare)
	bar := barSync * (0.5*share + 0.5*float64(r.Changes)/fullChanges)
	add("whole sync", r.Sync.All.CPU, "CPU s", fmt.Sprintf("plan %.1f, deliver %.1f, settle %.1f", r.Sync.Plan.CPU, r.Sync.Deliver.CPU, r.Sync.Settle.CPU), fmt.Sprintf("≤ %.3g", bar), r.Sync.All.CPU <= bar)
	bar = barNothing * share
	add("sync with no change", r.Nothing.All.CPU, "CPU s", fmt.Sprintf("%d requests", r.Nothing.Requests), fmt.Sprintf("≤ %.3g", bar), r.Nothing.All.CPU <= bar)
	add("plan of 1 % of changes", r.Diff.Ratio, "× by hand", fmt.Sprintf("%.2f of %.2f CPU s; %.2f without normalising", r.Diff.Plan.CPU, r.Diff.ByHand.CPU, r.Diff.Trimmed.CPU), fmt.Sprintf("≤ %.1f", barDiff), r.Diff.Ratio <= barDiff)
	mib := float64(r.Sync.Peak) / (1 << 20)
	if r.Memory == "256MB" {
		add("memory at its peak", mib, "MiB", "limit of the warehouse "+r.Memory, fmt.Sprintf("≤ %d", barMemory), mib <= barMemory)
	} else {
		add("memory at its peak", mib, "MiB", "limit of the warehouse "+r.Memory, "", true)
	}
	busy := fmt.Sprintf("%.0f rows/s with %.1f of %d processors", float64(r.Waiting.Rows)/r.Waiting.Seconds, r.Waiting.CPU/r.Waiting.Seconds, r.CPUs)
	if r.Waiting.Idle >= 0 {
		busy += fmt.Sprintf("; all of the machine's idle %.0f %%", 100*r.Waiting.Idle)
	}
	add(fmt.Sprintf("%d workers at %.0f ms", r.Workers, r.LatencyMS), 100*r.Waiting.Share, "% of the ideal", busy, fmt.Sprintf("≥ %.0f", 100*barWaiting), r.Waiting.Share >= barWaiting)
	add("asked to stop, stopped after", r.Waiting.Stopped, "s", fmt.Sprintf("nothing sent after %.2f s", r.Waiting.Silent), fmt.Sprintf("≤ %.0f", barStop), r.Waiting.Stopped <= barStop)
}

// Package schedule decides when syncs run. Book is the deciding part: it has no clock and no
// goroutine; it is told the time and what happened, and says what is due and when to look again.
// Loop asks it, waits, and runs what is due.
//
// A cron schedule is read on the wall clock of the project's time zone, and each time that clock
// can show is one slot: a slot in the hour that daylight saving skips falls on the instant after
// the gap, and one in the hour that is shown twice on the first of the two. Slots that fall on
// one instant are one. every: counts elapsed time, from the same origin for all syncs, so that
// syncs with the same interval are due together and share a build.
package schedule

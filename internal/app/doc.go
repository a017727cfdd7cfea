// Package app is what weir can do, apart from who asks: load a project, check it against its
// warehouse, build profiles and segments, plan, run, tell what happened, and show it all on a
// shop of its own. The command line and the server call it and nothing below it.
package app

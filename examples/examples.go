// Package examples embeds the example projects, so that the demonstration, the scaffold and the
// documentation show the same files.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed shop start
var files embed.FS

// Shop returns the project of the invented shop, with weir.yml at its root.
func Shop() fs.FS { return sub("shop") }

// Start returns the small project that a new one begins from.
func Start() fs.FS { return sub("start") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return f
}

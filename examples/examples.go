// Package examples embeds the example projects, so that the demonstration, the scaffold and the
// documentation show the same files.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed all:shop
var files embed.FS

// Shop returns the project of the invented shop, with weir.yml at its root.
func Shop() fs.FS {
	sub, err := fs.Sub(files, "shop")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

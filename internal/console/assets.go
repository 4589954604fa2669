package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/control"
)

//go:embed assets
var assetFiles embed.FS

// asset is one embedded file. Its version stands in its address, so that
// browsers may keep it for good.
type asset struct {
	content           []byte
	mediaType, digest string
}

func readAssets() (map[string]asset, error) {
	assets := map[string]asset{}
	err := fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := assetFiles.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		assets[strings.TrimPrefix(name, "assets/")] = asset{content, mediaType(name), hex.EncodeToString(sum[:6])}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("console: reading assets: %w", err)
	}
	return assets, nil
}

// mediaType does not ask the machine's own table for what we ship.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case "":
		return "text/plain; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// assetURL is the address of an asset; an unknown one fails the page.
func (c *console) assetURL(name string) (string, error) {
	a, ok := c.assets[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return "/assets/" + a.digest + "/" + name, nil
}

func (c *console) asset(w http.ResponseWriter, r *request) error {
	a, ok := c.assets[r.PathValue("path")]
	if !ok || r.PathValue("version") != a.digest {
		return control.ErrNotFound
	}
	return send(w, a, "public, max-age=31536000, immutable")
}

func (c *console) favicon(w http.ResponseWriter, _ *request) error {
	return send(w, c.assets["icon.svg"], "public, max-age=86400")
}

func send(w http.ResponseWriter, a asset, cache string) error {
	h := w.Header()
	h.Set("Content-Type", a.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(a.content)))
	h.Set("Cache-Control", cache)
	_, _ = w.Write(a.content) // the client has gone away; there is nobody to tell
	return nil
}

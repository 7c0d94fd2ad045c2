// Package dashboard is the page on the admin port: plain HTML, CSS and JavaScript, embedded as they are. It asks
// nothing of other hosts, and puts whatever it shows on the page as text.
package dashboard

import (
	"embed"
	"net/http"
	"path"
)

//go:embed page
var page embed.FS

// policy lets the page load its own files and ask its own port, nothing else; no inline script or style runs.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Files are the page's paths on the admin port.
func Files() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /{$}":                 file("index.html", "text/html; charset=utf-8"),
		"GET /dashboard/app.js":    file("app.js", "text/javascript; charset=utf-8"),
		"GET /dashboard/words.js":  file("words.js", "text/javascript; charset=utf-8"),
		"GET /dashboard/lists.js":  file("lists.js", "text/javascript; charset=utf-8"),
		"GET /dashboard/chart.js":  file("chart.js", "text/javascript; charset=utf-8"),
		"GET /dashboard/style.css": file("style.css", "text/css; charset=utf-8"),
		"GET /dashboard/icon.svg":  file("icon.svg", "image/svg+xml"),
	}
}

func file(name, kind string) http.HandlerFunc {
	body, err := page.ReadFile(path.Join("page", name))
	if err != nil {
		panic("BUG: the dashboard has no " + name)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Security-Policy", policy)
		_, _ = w.Write(body)
	}
}

package injection

import "bytes"

// addressMax is how much of a picture's address is looked at.
const addressMax = 512

// takesAlong reports whether the http at from begins the address of a Markdown picture, or of a link, that has a place for
// data in its query: what a model fills in there leaves with the picture when the answer is shown.
func takesAlong(text []byte, from int) bool {
	if from < 2 || text[from-1] != '(' || text[from-2] != ']' {
		return false
	}
	url := text[from:min(len(text), from+addressMax)]
	if end := bytes.IndexAny(url, ")\n"); end >= 0 {
		url = url[:end]
	}
	_, query, ok := bytes.Cut(url, []byte{'?'})
	if !ok {
		return false
	}
	return bytes.ContainsAny(query, "{}[]<>$") || bytes.HasSuffix(query, []byte{'='}) || bytes.Contains(query, []byte("DATA"))
}

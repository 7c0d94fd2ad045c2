package engine

// usual reports whether a method is one of those that servers of any kind are built for (RFC 9110, 9.3; RFC 5789). Others
// change who may read what (WebDAV's ACL, MOVE, LOCK), what caches hold (PURGE) or what a server is (DEBUG): the
// engine none takes them where a policy's route names them, and nowhere else.
func usual(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return true
	}
	return false
}

const usualMethods = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

// Unforwardable reports whether a method is no origin server's to serve, whatever a policy says: CONNECT makes a tunnel,
// TRACE and its twin TRACK show the sender's credentials to its scripts, PRI begins HTTP/2.
func Unforwardable(method string) bool {
	switch method {
	case "CONNECT", "TRACE", "TRACK", "PRI":
		return true
	}
	return false
}

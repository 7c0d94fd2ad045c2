package detect

import (
	"bytes"
	"strings"
)

// ownFile reports whether a path leads to somebody's own file: below a home, a temporary or a mounted folder, or on a drive that is
// not the system's. What is hidden, and what by its name is a log, a setting, a key, a store or a page of a web server is none,
// wherever it lies. What is left is nothing that an intruder knows by name.
func ownFile(l *look) bool {
	path, separators := ownFolder(l.text)
	if len(path) == 0 {
		return false
	}
	for len(path) > 0 {
		n := bytes.IndexAny(path, separators)
		if n < 0 {
			return ownName(path, true)
		}
		if !ownName(path[:n], false) {
			return false
		}
		path = path[n+1:]
	}
	return true
}

// ownFolder divides a path of an own file into its folder and what is in it, which is empty for any other path, and says what
// separates its parts.
func ownFolder(path []byte) (rest []byte, separators string) {
	for _, folder := range [...]string{"/home/", "/tmp/", "/mnt/", "/srv/"} {
		if bytes.HasPrefix(path, []byte(folder)) {
			return path[len(folder):], "/"
		}
	}
	if len(path) < 4 || !isLetter(path[0]) || path[1] != ':' || path[2] != '\\' && path[2] != '/' {
		return nil, ""
	}
	rest = path[3:]
	if path[0] > 'c' {
		return rest, `\/`
	}
	if path[0] == 'c' && len(rest) > 6 && string(rest[:5]) == "users" && (rest[5] == '\\' || rest[5] == '/') {
		return rest[6:], `\/`
	}
	return nil, ""
}

// ownName reports whether a part of a path, the last or one before it, may be of an own file's.
func ownName(name []byte, last bool) bool {
	if len(name) == 0 || name[0] == '.' || name[0] == ' ' || name[len(name)-1] == '.' {
		return false
	}
	for _, c := range name {
		if !isAlnum(c) && c < 0x80 && bytes.IndexByte([]byte(" _-.()+,@"), c) < 0 {
			return false
		}
	}
	if strings.Contains(systemNames, " "+string(name)+" ") {
		return false
	}
	if !last {
		return true
	}
	if bytes.HasPrefix(name, []byte("sess_")) || bytes.HasPrefix(name, []byte("php")) { // a session or an upload of PHP
		return false
	}
	dot := bytes.LastIndexByte(name, '.')
	if dot >= 0 && strings.Contains(systemFiles, " "+string(name[dot+1:])+" ") {
		return false
	}
	for _, word := range [...]string{"passw", "shadow", "cred", "secret", "id_rsa", "id_dsa", "id_ed25519", "known_hosts", "authorized", "wallet"} {
		if bytes.Contains(name, []byte(word)) {
			return false
		}
	}
	return true
}

// systemNames are folders and files of a system or a server, as they lie in a jail, a mounted disk or a user's home, too.
const systemNames = " etc usr var bin sbin lib lib64 opt proc dev sys root boot system system32 windows winnt inetpub program programs " +
	"appdata ntuser www htdocs public_html wwwroot http httpd apache apache2 nginx xampp wamp mysql php tomcat conf conf.d config logs log " +
	"web-inf meta-inf hosts administrator all default public "

// systemFiles are the extensions of what tells about a system, or lets one in.
const systemFiles = " log conf cnf cfg config ini dat key pem p12 pfx jks ppk kdbx db sqlite sqlite3 sql bak old swp reg rdp ovpn env php phtml " +
	"jsp asp aspx htaccess htpasswd sock pid sam hiv mdb ldf mdf tfstate "

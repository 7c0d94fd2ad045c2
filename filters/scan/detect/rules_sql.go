package detect

import (
	"bytes"
	"unsafe"

	libinjection "github.com/corazawaf/libinjection-go"
)

// sqlRules are the rules for SQL injection: libinjection's grammar, and what it is blind to.
func sqlRules() []Rule {
	return []Rule{
		{ID: "sqli-union-select", Class: SQLi, Form: Spaced, Why: "a second query joined to the first",
			Any:     []string{"union"},
			Pattern: `\bunion[\s(+*!/0-9'"]+(all|distinct|distinctrow)?[\s(+*!/0-9'"]*(select|values)([^a-z]|char|$)`,
			Hits:    []string{"-1 UNION ALL SELECT 1,2", "1 union/**/select 2", "1'union(select 1)"},
			Misses:  []string{"union was a great select", "Select a union representative", "European Union"}},
		{ID: "sqli-select-from", Class: SQLi, Form: Spaced, Why: "a query, with its syntax",
			Needs:   "*@0123456789'\"(,.;-=#_",
			Any:     []string{"select"},
			Pattern: `\bselect\b[\s(+]*(\*|@@|\d|null\b|'|"|distinct\b|top \d|if\s*\(|case\b|[\w.$` + "`" + `]+ ?\(|(concat|count|char|load_file|pg_\w+|version|user|database|sleep|current_setting)\b|[\w.]+ ?,|[\w.` + "`" + `]+ (from|into) [\w.` + "`" + `]+( ?(where|limit|union|order by|;|--|\)|#|')|$)|.{1,120}\bfrom (information_schema|dual|sys|mysql|pg_|users?\b|admin|all_))`,
			Hits:    []string{"1;SELECT * FROM users", "(select password from users where id=1)", "select @@version"},
			Misses:  []string{"Select all the columns of a table", "how do I select a partner"}},
		{ID: "sqli-function", Class: SQLi, Form: Spaced, Why: "functions that only attacks put into a value: delays, files, errors that tell",
			Any:     []string{"sleep", "benchmark", "waitfor", "extractvalue", "updatexml", "load_file", "xp_", "sp_", "dbms_", "utl_", "group_concat", "concat_ws", "load data", "pg_", "ctxsys", "sysdate", "randomblob", "json_keys", "gtid_", "exp(", "floor(rand", "name_const", "elt(", "row("},
			Pattern: `(([^.\w]|^)(pg_)?sleep( ?\(([^a-z)]|\)|(if|case|select|rand|benchmark|char|ascii|length)\b)|\(\w+\)\s*([^\s\w]|$)|[\s(]*\d+[\s'")]*$)|\bbenchmark ?\((\W|\d|\w{1,40} ?[^\w\s)]|$)|waitfor ?(delay|time)|\b(extractvalue|updatexml|load_file|group_concat|concat_ws|randomblob|json_keys|gtid_subset|name_const|elt) ?\(|\b(xp_\w{3}|sp_(executesql|password|oacreate|makewebtask|addlogin|help\w*|configure|start_job)|dbms_\w+|utl_(inaddr|http|file|smtp)|ctxsys|pg_(read_file|ls_dir|user|shadow|catalog|sleep|class))|load data (local )?infile|exp ?\( ?~|floor ?\( ?rand)`,
			Hits:    []string{"1 and sleep(5)", "';waitfor delay '0:0:5'--", "extractvalue(1,concat(0x7e,version()))", "benchmark(1000000,md5(1))", "benchmark(@a,sha(1))", "benchmark(a*9,sha(1))"},
			Misses:  []string{"sleep well", "benchmark of models", "benchmark(llama)", "Sleep 8 hours", "Sleep (album)", "Sleep(less) in Seattle"}},
		{ID: "sqli-catalog", Class: SQLi, Form: Spaced, Why: "tables and variables that describe the database itself",
			Any:     []string{"information_schema", "sysobjects", "syscolumns", "sysusers", "sysibm", "sysmaster", "sqlite_master", "@@", "mysql.user", "mysql.db", "mysql.host", "master..", "msysaces", "msysobjects", "all_tables", "all_users", "user_tables", "v$version", "sys.schemas", "sys.tables", "sys.database", "rdb$", "domain.tables", "domain.columns", "domain.domains", "into outfile", "into dumpfile", "procedure analyse", "pg_database", "syscat.", "openrowset", "bulk insert", "xmltype"},
			Pattern: `(information_schema|sys(objects|columns|users|ibm|master|cat\.)|sqlite_master|@@\w|mysql\.(user|db|host)|master\.\.|msys(aces|objects)|\ball_(tables|users)\b|user_tables|v\$version|\bsys\.(schemas|tables|databases?)|rdb\$|domain\.(tables|columns|domains)|into (outfile|dumpfile)|procedure analyse ?\(|pg_database|openrowset|bulk insert|xmltype ?\()`,
			Hits:    []string{"x from information_schema.tables", "1,@@version", "1 into outfile '/tmp/x'"},
			Misses:  []string{"information schema", "name@@"}},
		{ID: "sqli-tautology", Class: SQLi, Form: Spaced, Why: "a condition made always true or false",
			Needs:   "=<>'\"(:0123456789",
			Any:     []string{"or", "and", "||", "&&", "having", "where", "xor", "when", "like", "if(", "or1", "or2", "::", "or'", "and'"},
			Pattern: `(\b(or|and|having|where|xor|when|not)\b|\|\||&&|\bif ?\()[\s(!~+\-]*(\d+|0x[0-9a-f]+|'[^']{0,40}'?|"[^"]{0,40}"?|true|false|null|\w+ ?\([^)]{0,40}\))[\s)'"]*(=|<|>|!=|\blike\b|\brlike\b|\bregexp\b|\bbetween\b|\bin ?\(|\bis (not )?null|sounds like|\bdiv\b|\bmod\b)[\s(~+\-=>]*(\d|n?'|"|0x|true|false|null|\w+ ?\(|-|\()|^[\s(]*(or|and|xor)\s+([\w'".]+\s*(=|<|>|like\b)|['("]['{\[(]?\w)|\d(or|and|xor)\d+\s*[=<>]|\d['")\s]+(or|and|xor)\s+not\s+\d+\s*($|--|#)|::(jsonb?|int|text|varchar)\b`,
			Hits:    []string{"1 or 1=1", "' or 'x'='x", "1) and (2>1", " having 1=0", "1 && 1=1", "1 or not 0"},
			Misses:  []string{"one or 2 of them", "5 AND A QUARTER BY 8 INCHES", "x or y = z", "Fish and chips (2 portions)"}},
		{ID: "sqli-breakout", Class: SQLi, Form: Spaced, When: (*look).afterQuote, Why: "the first quote of a value ends a string, and an operator of SQL follows",
			Any:     []string{"'", `"`, "`", "´"},
			Pattern: "^[^'\"`´]*['\"`´][\\s)%]*((not )?(or|and|xor|mod|div|is|like|rlike|regexp|between)\\b[\\s!~+\\-]*(['(&|<>=!~@]|\\d+[\\s'\")]*($|[^\\w\\s'\",.])|\"\\w|\\\\n|(not )?(true|false|null)\\b|exists\\b|select\\b|\\w+(\\.\\w+)* ?(&&|\\|\\||[=<>!&|*/^]|\\(| (like|is|in|xor|div|mod|regexp|rlike|between|not)\\b))|(having|where|limit|order by|group by|procedure|(not )?(rlike|regexp|like)|sounds like|in|for)\\b[\\s(]+['\"\\d(@\\-]|(having|order by|group by|(not )?rlike|(not )?regexp|between|is null|is not)[\\s(]*['\"`]?$|\\|\\| ?[\\w('\"]|&& ?[\\w('\"!]|[-+*/%^&|=<>!~ ]*[-+*/%^&|=<>!~][-+*/%^&|=<>!~ ]*(\\d|\\w+ ?\\(|\\(|@@|null\\b) ?[^\\w\"/]|[-+/*] ?\\w+ (is|regexp|like|xor|and|or|rlike)\\b)",
			Hits:    []string{"x' or y=z", "1'||(select 1)", "')) or (('x'))=(('x", "asd' or column&&'1", "A' NOT RLIKE 'B", " aa' - + ! 1 or '1"},
			Misses:  []string{"O'Reilly and Sons", "KNICKIN' AND KNACKIN' SEE", `"ON" WHITE GREEN`, "don't stop", "rock 'n' roll", `the words "this" and "that"`}},
		{ID: "sqli-quotes", Class: SQLi, Form: Spaced, When: (*look).afterQuote, Why: "an operator between two quotes that end and begin strings",
			Any:     []string{"'", `"`},
			Pattern: `(^[^'"]*'[\s)]*(or|and|xor|mod|div|not r?like|not regexp|rlike|regexp|like)[\s(]*'|(^|[\w%)])'\s*[-+*/%^&|=<>!~]+\s*'(\w|$|\))|^['"]\s*['"]\s*(or|and)|['"]\)+\s*((or|and|union|having|where|limit|order|group)\b|;|--|#|/\*)|^\w+ '[-+*/%^&|<>=]+' \w+$|\blike ?\(?['"][%_]|^[^'"\s]{0,20}(['"]\s+|[^a-z'"\s]['"])(or|and|xor|having|union)\s*$|["'][.,]{0,3}[("'][.,("')]{4,}|['"]\s*(=|<=>|<>|!=)\s*['"(]|'\s*=\s*\(*'|'\s*[=<>]\s*\d+\s*(--|#|$|or|and))`,
			Hits:    []string{"A 'OR' B", "admin'-'", "') or 1", "'='", "'a'='a"},
			Misses:  []string{"preserving the part before '-' symbol", "'this' and 'that'", `'-"8 TRACK"`, "Val-d'Or", "Côte d'Or"}},
		{ID: "sqli-cut", Class: SQLi, Form: Spaced, When: (*look).afterQuote, Why: "a quote that ends a string, then the end of the statement",
			Any:     []string{"'", `"`},
			Pattern: "^[^'\"`´\\s]*\\s?[^'\"`´\\s]*['\"`´][\\s)]*(#\\s*$|;\\s*(--|#|$))|['\"`´][\\s)]*(;\\s*(select|insert|update|delete|drop|alter|create|exec|execute|declare|shutdown|truncate|grant|waitfor|if|begin|set|use|call|return|while|end)\\b|--([\\s-]|$)|/\\*|;\\s*--|;?\\x00)",
			Hits:    []string{"admin'--", "'; drop table t", "x' #"},
			Misses:  []string{"he said 'no' and left", `"a" -b`, "DRESS WITH HAT 18';", "BAMBOO CHARCOAL SOAP 1 '#"}},
		{ID: "sqli-stacked", Class: SQLi, Form: Spaced, When: stacked, Why: "a second statement",
			Any:     []string{";"},
			Pattern: `;\s*(select\b\s*([*@('"\d]|\w+\s*\(|.{1,120}\bfrom\b|(null|user|version|database|sleep|if|case|top|distinct|all)\b|\w+[._]\w+|$)|insert into\b|update \w+ set\b|delete from\b|drop (table|database|user|view|procedure|index|schema|login)\b|alter (table|database|user|login|session|system)\b|create (table|user|database|login|procedure|function|or replace)\b|exec(ute)? ?(\(|['"@]|immediate|master|xp_|sp_|sys|dbms|msdb|\w+[.(]|\w+$)|declare @?\w+ |shutdown\b|truncate table\b|grant \w+|waitfor\b|if ?\(|begin\b.{0,60}\bend|copy \w+ (from|to)|return\b.{0,20}'|merge into|end ?;|iif ?\()`,
			Hits:    []string{"1;drop table users", "1; exec master..xp_cmdshell 'x'", "1;iif(2=8,1,1/0)", "1;exec(char(1))"},
			Misses:  []string{"Fix it; create tables of contents", "1; exec will create the case 7", "Mozilla/5.0 (X11; Linux)"}},
		{ID: "sqli-statement", Class: SQLi, Form: Spaced, Why: "a statement that changes data or structure",
			Needs:   ";-'\"()=@.",
			Any:     pairs(`drop alter truncate backup restore create`, " ", `table database user view procedure schema login session system log function`, "insert into", "delete from", " set ", "exec ", "exec(", "execute immediate", "execute(", "execute (", "declare @", "grant "),
			Pattern: `(\b(drop|alter|truncate) (table|database|user|view|procedure|schema|login) [\w."'` + "`" + `\[\]][\s\w."'` + "`" + `\[\]]*(;|--|#|'|"|\)|$)|\b(backup|restore) (database|log) [\w.\[\]]+ (to|from) |\balter (table|user|login|session|system) \w+ (add|drop|set|identified|with|modify)|\binsert into [\w.` + "`" + `"'\[\]]+ ?(\(|values|select)|\bdelete from [\w.` + "`" + `]+( where\b|;|--|$)|\bupdate [\w.]+ set [\w.]+ ?=|\bcreate (table|user|login|database|procedure|function) [\w."']+ ?(\(|as\b|identified|with\b|;|is\b)|\bexecute immediate|\bexec(ute)? ?\( ?['"@]|\bexec ['"@]|\bexec (master|xp_|sp_)|\bdeclare @\w+|\bgrant \w+ (on|to) )`,
			Hits:    []string{"drop table users;", "insert into t values (1)", "declare @x varchar(9)"},
			Misses:  []string{"Create a table for guests", "update the set of tools", "How to drop a table in Excel", `"drop table" vs "delete from"`}},
		{ID: "sqli-clause", Class: SQLi, Form: Spaced, Why: "the end of a query, put after a value",
			Needs:   "'\"()0123456789;=",
			Any:     []string{"order by", "group by", "limit", "rlike", "case when", "case ", "having", "for update", "fetch next", "offset ", "sounds like", "as char", "cast(", "convert(", "collate"},
			Pattern: `(^|['"()\d\s;])(order by (\d+\b|[(-]|if|case|\w+ ?(--|#|\())|group by [\w.]+ (having|--|with)|limit \d+ ?(,|offset|--|;|into|procedure|union)|(rlike|regexp) ?\(|case when .{1,80} then\b|case .{1,60} when .{1,40} then|having ['(-]|having \d[\w.]* ?([^\w\s.,-]|--|$|like\b|between\b|in ?\(|is\b)|having count|having \w+ ?(=|<|>)|cast ?\(.{1,80} as (char|int|signed|unsigned|varchar|nvarchar|numeric|text|decimal)|convert ?\( ?(int|char|varchar|[^)]{1,60} using))`,
			Hits:    []string{"1 order by 10--", "1 limit 1,1", "(case when 1=1 then 1 else 2 end)"},
			Misses:  []string{"order by tomorrow", "limit 5 items", "sorted in order by name", "Having 2 kids and 1 dog"}},
		{ID: "sqli-comment", Class: SQLi, Why: "a comment that hides or cuts the rest of a query",
			Any:     []string{"/*", "--", "#", ";%00", ";\x00"},
			Pattern: `(/\*!\d*|/\*\+|\w/\*.{0,40}\*/\w|\d( \)*|\)+ ?)(--|#)[\s-]*$|\d ?\)*/\*|\) ?(--|#)\s*\w*$|;\s*(--|#)\s*$|^['")\s]*--\s*$|\w --$|^[^\s'"]{0,64}['"]\s*#|^\s*/\*[^*\w]{0,40}\*/\s*$|;\x00)`,
			Hits:    []string{"1/*!50000union*/", "/*!*/", "12 --", "1) #", "admin/**/or"},
			Misses:  []string{"DEAR FINN,--I think", "C# and F#", "issue #12", "see RFC 7230 -- chapter 3", "FOO BAR'# BLAH"}},
		{ID: "sqli-hex", Class: SQLi, Form: Spaced, Weak: true, Why: "strings built from numbers, as no person writes them",
			Any:     []string{"0x", "1.e", "char(", "chr(", "nchar(", "unhex", "char (", "ascii(", "substr", "mid(", "concat(", "version(", "database(", "user(", "hex(", "ord(", "length(", "if(", "iif(", "decode(", "cos(", "1.e(", "ifnull(", "nullif("},
			Pattern: `(\bn?cha?r ?\(\s*(0x|\d+[\s,)])|\bunhex ?\(|\b(ascii|ord|hex) ?\( ?(mid|substr|substring|\(|1\.e|'|")|\b(substr|substring|mid) ?\( ?(\(|select|version|user|database|password|'|"|\w+ ?,\d)|\bconcat ?\(.{0,40}(0x|char|user|version|'|")|[\s,(=+]\(?(version|database|user|current_user|system_user|session_user|schema|last_insert_id|connection_id) ?\( ?\)|\b(iif|if) ?\( ?\d+ ?[=<>]|\b\d\.e[.(]|\w\.e ?\(|\b0x[0-9a-f]{8,}\b[\s,)])`,
			Hits:    []string{"char(58,58)", "ascii(substring(x,1,1))", "1,version(),3"},
			Misses:  []string{"0x1F", "length (cm)"}},
		{ID: "sqli-grammar", Class: SQLi, Form: Spaced, Why: "the tokens of the value make an SQL injection (libinjection)",
			Any:    []string{"'", `"`, "`", "--", "#", "/*", ";", "||", "&&", " or ", " and ", "or(", "and(", "union", "select", "like", "having", "insert", "where", "(", "@@", "^", "~", "\\n"},
			Judge:  sqlGrammar,
			Hits:   []string{"1' or 1=1--", "1 or 1=1"},
			Misses: []string{"Mosaic 'Table top'", "it's", "如果你把一片土豆放在夜晚的草地上 (或者)"}},
	}
}

var blankByte = []byte{' '}

// sqlGrammar asks libinjection about text and about what follows its first quotes; it reads the first five tokens alone.
func sqlGrammar(l *look) bool {
	if l.sentence() || !grammatical(l) {
		return false
	}
	text := l.text
	l.steps += len(text)
	if injects(text) {
		return true
	}
	url := text[0] == '/' || bytes.HasPrefix(text, []byte("http"))
	tries := 0
	for i, c := range text {
		if c != '\'' && c != '"' && c != ')' {
			continue
		}
		if c == '"' && url {
			continue // a search for "like" in quotes
		}
		if bytes.Count(text[:i], blankByte) > 3 {
			break // a sentence; the rules above know what breaks out of one
		}
		l.steps += len(text)
		if i > 0 && injects(text[i:]) {
			return true
		}
		if tries++; tries == 4 {
			break
		}
	}
	return false
}

// grammarMax is how much libinjection reads of a text in search of five tokens: what a sum like 1-1-1 goes on with is none of
// them, however long it is.
const grammarMax = 256

// injects guards libinjection against prose: a fingerprint of words alone needs syntax beside it.
func injects(text []byte) bool {
	if len(text) < 3 {
		return false
	}
	for _, c := range text {
		if c >= 0x80 && len(text) < 64 { // other scripts look like barewords to it
			return false
		}
	}
	if !bytes.ContainsAny(text, " \n\t'\"(=") {
		return false // a token that happens to end in --
	}
	if !sqlSyntax(text) {
		return false
	}
	is, _ := libinjection.IsSQLi(unsafe.String(&text[0], min(len(text), grammarMax)))
	return is
}

// glued reports whether before ends in a quote that a word or bracket touches: admin'-' is SQL, the '-' sign is prose.
func glued(before []byte) bool {
	n := len(before)
	return n == 0 || before[n-1] != '\'' || n > 1 && !isBlank(before[n-2])
}

// sqlSyntax reports whether text has what SQL has and prose has not: a comparison, comment, call or statement end.
func sqlSyntax(text []byte) bool {
	for i, c := range text {
		switch c {
		case '=', '<', '>', '|', '*', '@', '~', '^', '#':
			return true
		case '-', '+', '/':
			if i+1 < len(text) && (text[i+1] == c || text[i+1] == '*' || text[i+1] == '(' || text[i+1] == '\'' && glued(text[:i])) {
				return true
			}
		case ';':
			return true
		case '(':
			if i > 0 && (isAlnum(text[i-1]) || text[i-1] == '(') || i+1 < len(text) && (text[i+1] == '\'' || text[i+1] == '"' || text[i+1] >= '0' && text[i+1] <= '9') {
				return true
			}
		}
	}
	return false
}

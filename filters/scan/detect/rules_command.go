package detect

// commandRules are the rules for shell commands: a metacharacter and a command in command position.
func commandRules() []Rule {
	return []Rule{
		{ID: "command-separator", Class: Command, Form: Unquoted, Why: "a shell separator and a command after it",
			Any:   []string{";", "|", "&", "\n", "\r", "`", "$(", "<(", ">(", "%0a", "%0d", "\\n", "\\r", "<", "{"},
			Judge: separated,
			Hits: []string{"; cat /etc/passwd", "a;id|", "| whoami", "`uname`", "$(curl x.example/y)", "& dir C:\\", "|/usr/bin/id", "a;c'a't /etc/hosts",
				"|getent hosts x.example.&", "<id\\n", "\\necho X\\nexit", "{,ifconfig}"},
			Misses: []string{"Tom & Jerry", "R&D", "a; b", "fish & chips for two", "B&W photo", "Terms & more info", "Sales | head office", "Rock & Roll; top 10",
				"John Smith; at home", "Acme | Service desk", "C++ & Java", "Alpha | beta | node", "use `ls` to list", "Tea; sleep 8 hours", "Chapter 1; read more", "True & false", "dog | cat | bird"}},
		{ID: "command-shape", Class: Command, Form: Unquoted, Why: "what only a shell reads: a switch behind a separator, a variable run as a command, a function that calls itself, a prompt",
			Any:     []string{";", "|", "&&", "=", "(){", "() {", ":~", ":/"},
			Pattern: `(([;|]|&&)\s*[\w.-]{2,20}\s+(--?[a-z]|https?://)|\w+=\S{1,60}(;|&&)\s*\$\w|(^|[;|&\n])\s*(:|\w+)\s*\(\)\s*\{[^}]{0,60}[|&]|^\s*[\w.-]+@[\w.-]+:[~/][^\s#$]*[#$]\s+\w)`,
			Hits:    []string{"x; thing -v", ":(){ :|:& };:", "f() { f | f& }", "a=b;$a", "root@host:~# git clone x"},
			Misses:  []string{"a; b - c", "me@example.com: hello", "a = b; c = d"}},
		{ID: "command-line", Class: Command, Form: Unquoted, Weak: true, Why: "a value that is a command line",
			Any:    []string{" -", "+-", " /", "+/", " ~", " $", " *", " ./", " ../", ":\\", ":/", "time"},
			Judge:  commanded,
			Hits:   []string{"strace -f id", "dir+c:/", "time; ansible all", "/usr/bin/wget https://x"},
			Misses: []string{"service desk", "Docker in practice", "how to use ls -la", "find / replace", "time will tell"}},
		{ID: "command-start", Class: Command, Form: Unquoted, Weak: true, Why: "a command with its arguments",
			Needs:   " +",
			Any:     []string{"ls", "cat", "dir", "type", "curl", "wget", "ping", "nc", "perl", "python", "php", "ruby", "bash", "sh ", "echo", "net", "cmd", "powershell", "id", "whoami", "uname", "rm ", "find", "ifconfig", "ipconfig", "netstat", "nslookup", "tail", "head", "more", "systeminfo", "reg", "which", "sleep", "telnet", "ncat", "printf", "cp ", "mv ", "chmod", "tar", "gcc", "zcat", "zstdcat", "sudo", "ssh", "cd ", "export", "awk", "sed", "tasklist", "set ", "time", "ps ", "alias", "bin/", "zip", "xargs", "busybox", "openssl", "tee ", "base64", "exec", "eval", "start ", "call "},
			Pattern: `^[\s+"'({]*(cmd=)?(/[\w/]*/)?((ls|cat|dir|type|rm|cp|mv|find|head|tail|more|less|chmod|chown|tar|grep|awk|sed|cd|mkdir|del|copy|zcat|zstdcat|gcc|nl|tac|strings|dd|ln|ps|touch|tee)[\s+]+(-\w+|/\w+|/\s*$|\w:([\\/+\s|]|$)|\.\.?/|~|\*|%\w+%|\$\w+)|(ls|cat|rm|cp|mv|head|tail|more|less|chmod|type|del)\s+\w+/\w+\s*$|(curl|wget|fetch|lynx|telnet|nc|ncat|netcat|ssh|ftp|tftp|scp|ping|nslookup|dig|lwp-download)[\s+]+(-\w|\w+://|\d+\.\d+\.|/\w|\w+\.\w+\s*$|\w+\.\w+/)|(perl|python\d?|php|ruby|bash|sh|zsh|ksh|node|lua)[\s+]+(-\w|/\w|\S+\.(pl|py|php|rb|sh)\b)|(cmd(\.exe)?|powershell(\.exe)?)[\s+]+(/\w|-\w)|net[\s+]+(user|localgroup|view|share|start|use|group|config)\b|(reg|sc)[\s+]+(add|query|delete|save|config|create)\b|(whoami|ifconfig|ipconfig|systeminfo|netstat|uname|tasklist)(\s+[-/]\w+)*\s*$|(echo|printf)\s.{0,200}([|>` + "`" + `]|<\?|\$\()|which\s+\w+\s*$|ping\.exe\s|(busybox|gunzip|gzip|zcat|xargs|env|openssl|tee|nl|od|xxd|base64|tar|awk|sed|find)\s+-{1,2}[a-z]|alias[\s+]+(-\w+\s+)?\S+=|/?bin/\w+\s*$|id\s*[|;&]|exec\s+[-/]|sudo\s+\w+|time;|set\s+/\w)`,
			Hits:    []string{"ls -l /var/www", "ping -n 5 127.0.0.1", "type C:\\boot.ini", "curl https://x.example/y", "net localgroup Administrators"},
			Misses:  []string{"ls 300 lexus", "bash away in the gym", "echo in the mirror", "find your style", "type of car", "ping pong", "Curl hair"}},
		{ID: "command-substitution", Class: Command, Why: "a substitution that a shell runs",
			Any: []string{"$(", "`", "${", "() {", "(){", "<(", ">(", "$'", "{", "$[", "$shell", "$bash"},
			Pattern: `(\$\(\(|\$\([^)]{1,200}[\s/$;"'` + "`" + `|]` +
				`|\$\{?(shell|bash)\b\}?\s+-|\$\{(ifs|path|home|shell|pwd|\w+:\d|\w+//|\w*#|@|!)|\(\)\s*\{\s*[:_\w]*\s*;|^\s*\(\)\s*\{|[<>]\(\s*\w+|\$'\\x|^\{[\w/.-]+(,[\w.-]*)*,[-/][\w/.,-]*\}|/\w*(\[\w+\]|\?)\w*/\w+|\w+=\$['"\\]+\w+|[;|&]\s*\{\w+,[^}]+\})`,
			Hits:   []string{"$(id;)", "$(echo x)", "() { :;}; echo", "cat${IFS}/etc/passwd", "{cat,/etc/passwd}", "$SHELL -c x"},
			Misses: []string{"costs $ (five)", "price in $", "{ok}", "{a,b,c}", "{1,2}", "$(price)", "$HOME sweet home"}},
		{ID: "command-glob", Class: Command, Why: "a path that a shell completes, to hide a name",
			Any:     []string{"["},
			Pattern: `/\w*(\w\[[a-z!^?*]/*\]|\[[a-z!^?*]/*\]\w)`,
			Hits:    []string{"/bi[n]/bash", "/[e]tc", "/[e///]tc"},
			Misses:  []string{"/blog/[id]/page", "items[0]", "include[]=a", "[a] list"}},
		{ID: "command-shell", Class: Command, Form: Unquoted, Quiet: true, Why: "a shell or script interpreter by its path or with its switch",
			Any:     []string{"/bin/", "/sbin/", "cmd", "powershell", "/dev/tcp", "/dev/udp", "bash -", "sh -", "perl -", "python", "php -", "ruby -", "nc -", "-e /", "net user", "comspec", "xp_cmdshell", "/c dir", "wscript", "mshta", "rundll32", "certutil", "invoke-", "iex", "-enc", "telnetd", "xterm", "localgroup", "systemroot", "programfiles", "windir"},
			Pattern: `((^|[^\w.]|\.\.?)/((usr|opt)/)?(local/)?s?bin/[\w?*\[\]-]{1,20}|\bcmd(\.exe)?\s*/\w|powershell(\.exe)?\s+[-"'&]|/dev/(tcp|udp)/|\b(ba|z|k|c|da)?sh\s+-[a-z]|\b(perl|ruby|php|python\d?)\s+-[a-z]\s|\bnc(at)?\s+-\w|-e\s*/bin|net\s+(user|localgroup)\s+\S+|%(comspec|systemroot|programfiles|windir|path|temp)|\b(mshta|rundll32|certutil|wscript|cscript)(\.exe)?\s+\S|\binvoke-(expression|webrequest|command|mimikatz|\w+)|\biex\s*[(\s]\s*(\(|new-object|irm|iwr)|\bnew-object\s+net|-enc\w*\s+[\w+/=]{12,})`,
			Hits:    []string{"/bin/sh", "cmd.exe /c dir", "bash -c 'x'", "%COMSPEC%", "powershell -enc AAAAAAAAAAAAAAAA"},
			Misses:  []string{"sh - a quiet word", "the bin directory", "PHP - the language", "trash bin", `Search all files of a tree for the string "/bin/ksh"`}},
		{ID: "command-windows", Class: Command, Form: Spaced, Why: "control words of a Windows batch",
			Any:     []string{"for", "if"},
			Pattern: `(\bfor (/\w )*("[^"]*" |[\w:\\.]+ )?%{1,2}\S* ?(variable )?in ?\(|(^|[&|;] ?)if ?(/i ?)?(not ?)?([^\s=]+( (equ|neq|lss|leq|gtr|geq) |={2,3}\S* \S)|["%\[!({][^\s=]* ?(={2,}| (equ|neq|lss|leq|gtr|geq) ))|\bif (/i )?(not )?("[^"]*"|%+\w+%*|\[\w*\]|exist|defined|errorlevel|cmdextversion)\s*(==| equ | neq | lss | leq | gtr | geq |\S+ )|\bif %)`,
			Hits:    []string{"FOR %G IN (Sun Mon) DO echo %G", "if not exist x (", "if \"%1\"==\"\" goto e"},
			Misses:  []string{"for 50% in total", "if you exist", "what if x"}},
	}
}

// codeRules are the rules for code of the languages that back ends are written in.
func codeRules() []Rule {
	return []Rule{
		{ID: "command-object", Class: Command, Why: "a serialized object or a tag that builds one: reading it runs code (YAML, Java, pickle)",
			Any:     []string{"!!python", "!!java", "!!org.", "!!com.", "!!ruby", "!ruby/", "!!perl", "!!php", "!!map", "ro0ab", "kztaau", "cs7qaf", "aced0005", "cos\nsystem", "cposix\nsystem", "c__builtin__", "aaeaaad/////", "_$$nd_func$$_"},
			Pattern: `(!{1,2}(python|java|javax|ruby|perl|php|org|com)[/.:]\w|(^|[^a-z0-9+/])(ro0ab[a-z0-9+/]|kztaau|cs7qaf|aced0005)|c(os|posix)\nsystem|c__builtin__\n|aaeaaad/////|_\$\$nd_func\$\$_)`,
			Hits:    []string{"!!python/object/new:exec [import socket]", "!!javax.script.ScriptEngineManager [x]", "rO0ABXNyABFqYXZh", "_$$ND_FUNC$$_function(){}"},
			Misses:  []string{"wow!! python is fun", "a!!b", "heRO0AB"}},
		{ID: "command-php", Class: Command, Form: Spaced, Why: "PHP code",
			Needs:   "($<{[:",
			Any:     []string{"<?", "$_", "php", "system", "exec", "passthru", "popen", "proc_open", "eval", "assert", "base64_decode", "file_get_contents", "include", "require", "call_user_func", "chr(", "create_function", "preg_replace", "${@", "{$", "fopen", "readfile", "unserialize", "o:", "highlight_file", "show_source", "var_dump", "print_r", "[php]", "globals", "file (", "file(", "$__", "die(", "phpversion"},
			Pattern: `(<\?(php|=|\s)|<\?xml ?:|\$_(get|post|request|server|cookie|files|session|env)\b|\[php\]|\bphpinfo ?\(|\bphpversion ?\(|\b(system|exec|passthru|shell_exec|popen|proc_open|pcntl_exec|eval|assert|call_user_func(_array)?|create_function|preg_replace|base64_decode|str_rot13|gzinflate|file_get_contents|file_put_contents|fopen|readfile|fwrite|unserialize|highlight_file|show_source|var_dump|print_r|move_uploaded_file|ini_set|putenv|scandir|file)['")\]]* ?\(|['"\])] ?\(['"$]|\b(include|require)(_once)? ?[('"$]|\bchr ?\( ?\d+ ?\) ?\.|\{\$\{|\$\{@|\b[oac]:\d+:("|\{|\[)|\$\{?_*globals|\$__\[|\bdie ?\(|\$\w+ ?\(['")$]|\] ?\)? ?\([^)]{0,40}\) ?;|\$_+[\[{(]|\$_\w+ ?\[)`,
			Hits:    []string{"<?php echo 1;", "system('id')", "${@print(1)}", "phpinfo();", "O:8:\"stdClass\":0:{}"},
			Misses:  []string{"Implement a PHP function", "nervous system", "file a report", "exec summary"}},
		{ID: "command-code", Class: Command, Form: Spaced, Why: "Python, Java, Ruby, Perl or Node code that runs something",
			Needs:   "(._@",
			Any:     []string{"import", "os.", "runtime", "processbuilder", "getclass", "class.", "subprocess", "__", "file.open", "socket", "child_process", "require(", "kernel", "print(", "print ", "java.", "javax.", "exec", "open(", "system", "ognl", "@java", "spring", "classloader", "io.popen", "compile("},
			Pattern: `(\b__(import|class|globals|builtins|subclasses|mro|init|dict|base|code|getattribute)__|\bimport\(['"]|import os\b|\bos\.(system|popen|exec\w*|environ|spawn\w*)|\bsubprocess\.|\bruntime(\.getruntime|\(\)|\.exec)|processbuilder|\.getclass\b|\bclass\.(forname|classloader|module|mro|protectiondomain)|\.classloader\b|file\.(open|read)\b|\bchild_process|\brequire ?\(['"]|\bkernel\.(exec|open|system)|\bjava\.(lang|io|util|net|beans)\.|\bjavax\.(script|naming|el)|\bexec ?\(|\bsystem ?\(|print ?\(? ?["']x["']|\bognl\b|@java\.|#_memberaccess|#context|springframework|\bio\.popen|compile\(['"]|socket\.socket|org\.apache\.|com\.sun\.|com\.opensymphony)`,
			Hits:    []string{"os.system('id')", "''.__class__.__mro__", "Runtime.getRuntime().exec('x')", "@java.lang.Runtime"},
			Misses:  []string{"import duty", "the runtime of a film", "print a book", "class. of 2024"}},
	}
}

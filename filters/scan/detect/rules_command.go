package detect

// commandNames are programs and shell words that stand first in a command.
const commandNames = `sysinfo|perf|iwr|iwmi|irb|trap|flock|cpulimit|rmt|gcc[\d.]+|alias|cat|tac|ls|dir|id|whoami|uname|pwd|ps|netstat|ifconfig|ip a|ipconfig|ping\d?|nslookup|dig|host|curl|wget|lwp-\w+|nc|ncat|netcat|telnet|ssh|scp|ftp|tftp|bash|sh|zsh|ksh|csh|dash|ash|busybox|python\d?|perl|ruby|php\d?|node|lua|java|gcc|cc|make|awk|gawk|sed|grep|egrep|find|head|tail|more|less|nl|sort|uniq|cut|tr|tee|xxd|od|strings|base64|rev|fold|paste|cp|mv|rm|mkdir|rmdir|chmod|chown|chgrp|ln|tar|zip|unzip|gzip|gunzip|zcat|zstdcat|bzip2|kill|killall|pkill|top|df|du|mount|umount|env|printenv|set|export|echo|printf|sleep|exec|eval|source|sudo|su|useradd|adduser|passwd|usermod|groupadd|crontab|at|service|systemctl|init|reboot|shutdown|halt|apt\w*|yum|dnf|pip\d?|npm|gem|git|svn|docker|kubectl|mysql\w*|psql|sqlite3|redis-cli|socat|nmap|hping3|traceroute|tcpdump|route|arp|iptables|last|who|w|finger|history|lsof|strace|time|timeout|nohup|xargs|watch|screen|tmux|type|copy|move|del|erase|ren|net|net1|net user|sc|reg|wmic|tasklist|taskkill|systeminfo|ver|vol|attrib|cacls|icacls|cmd|cmd\.exe|powershell|pwsh|cscript|wscript|mshta|rundll32|regsvr32|certutil|bitsadmin|schtasks|msiexec|installutil|forfiles|start|call|for|if|mail|sendmail|xterm|gdb|vi|vim|ed|nano|man|openssl|uptime|hostname|dmesg|lsb_release|arch|groups|stat|file|locate|which|whereis|ldd|dd|cpio|ansible\w*|fetch|lynx|links|w3m|aria2c|rsync|expect|tclsh|script|test|read|declare|alias|unset|wait|true|false|logname|tasklist|dump|ipcs|pr|split|comm|diff|cmp|join|expand|column|hexdump|shuf|seq|yes|tty|users|tracert|pathping|getmac|nbtstat|findstr|tree|assoc|ftype|subst|label|format|fc|comp|compact|convert|query|qwinsta|bcdedit|vssadmin`

// commandRules are the rules for shell commands: a metacharacter and a command in command position.
func commandRules() []Rule {
	const sep = `([;|&\n\r` + "`" + `]|\$\(|[<>]\(|\|\||&&|%0a|\\n|\\r)`
	return []Rule{
		{ID: "command-separator", Class: Command, Form: Unquoted, Why: "a shell separator and a command after it",
			Any:     []string{";", "|", "&", "\n", "\r", "`", "$(", "<(", ">(", "%0a", "\\n"},
			Pattern: sep + `[\s+({!\\]*(/?[\w./*?\[\]-]*/)?(` + commandNames + `)(\.exe)?([\s+]*$|\s*[;|&<>` + "`" + `)\n\r}#,]|[\s+]+([-/.$~*"'\d<>|{\\]|\w:[\\/]|\w+://|\w+[/.@=:(]\S|\S+\s*$|\S+[\s+]*[|;&]|localgroup|user|view|share|start|stop|add|-\w)|[$%{<>*?\\/][^\s]{0,40}|=\$)|([;|]|&&)\s*[\w.-]{2,20}\s+(-{1,2}[a-z]|https?://)|\w+=\$\S{1,60};\s*\$\w`,
			Hits:    []string{"; cat /etc/passwd", "a;id|", "| whoami", "`uname`", "$(curl x.example/y)", "& dir C:\\", "|/usr/bin/id", "a;c'a't /etc/hosts"},
			Misses:  []string{"Tom & Jerry", "R&D", "a; b", "fish & chips for two"}},
		{ID: "command-start", Class: Command, Form: Unquoted, Weak: true, Why: "a command with its arguments",
			Needs:   " ",
			Any:     []string{"ls", "cat", "dir", "type", "curl", "wget", "ping", "nc", "perl", "python", "php", "ruby", "bash", "sh ", "echo", "net", "cmd", "powershell", "id", "whoami", "uname", "rm ", "find", "ifconfig", "ipconfig", "netstat", "nslookup", "tail", "head", "more", "systeminfo", "reg", "which", "sleep", "telnet", "ncat", "printf", "cp ", "mv ", "chmod", "tar", "gcc", "zcat", "zstdcat", "sudo", "ssh", "cd ", "export", "awk", "sed", "tasklist", "set ", "time", "ps ", "alias", "bin/", "zip", "xargs", "busybox", "openssl", "tee ", "base64", "exec", "eval", "start ", "call "},
			Pattern: `^[\s"'({]*(cmd=)?(/[\w/]*/)?((ls|cat|dir|type|rm|cp|mv|find|head|tail|more|less|chmod|chown|tar|grep|awk|sed|cd|mkdir|del|copy|zcat|zstdcat|gcc|nl|tac|strings|dd|ln|ps|touch|tee)\s+(-\w+|/\w*|\w:[\\/]|\.\.?/|~|\*|%\w+%|\$\w+)|(ls|cat|rm|cp|mv|head|tail|more|less|chmod|type|del)\s+\w+/\w+\s*$|(curl|wget|fetch|lynx|telnet|nc|ncat|netcat|ssh|ftp|tftp|scp|ping|nslookup|dig|lwp-download)\s+(-\w|\w+://|\d+\.\d+\.|/\w|\w+\.\w+\s*$|\w+\.\w+/)|(perl|python\d?|php|ruby|bash|sh|zsh|ksh|node|lua)\s+(-\w|/\w|\S+\.(pl|py|php|rb|sh)\b)|(cmd(\.exe)?|powershell(\.exe)?)\s+(/\w|-\w)|net\s+(user|localgroup|view|share|start|use|group|config)\b|(reg|sc)\s+(add|query|delete|save|config|create)\b|(whoami|ifconfig|ipconfig|systeminfo|netstat|uname|tasklist)(\s+[-/]\w+)*\s*$|(echo|printf)\s.{0,200}([|>` + "`" + `]|<\?|\$\()|which\s+\w+\s*$|ping\.exe\s|(busybox|gunzip|gzip|zcat|xargs|env|openssl|tee|nl|od|xxd|base64|tar|awk|sed|find)\s+-{1,2}[a-z]|alias\s+(-\w+\s+)?\S+=|/?bin/\w+\s*$|id\s*[|;&]|exec\s+[-/]|sudo\s+\w+|time;|set\s+/\w)`,
			Hits:    []string{"ls -l /var/www", "ping -n 5 127.0.0.1", "type C:\\boot.ini", "curl https://x.example/y", "net localgroup Administrators"},
			Misses:  []string{"ls 300 lexus", "bash away in the gym", "echo in the mirror", "find your style", "type of car", "ping pong", "Curl hair"}},
		{ID: "command-substitution", Class: Command, Why: "a substitution that a shell runs",
			Any:     []string{"$(", "`", "${", "() {", "(){", "<(", ">(", "$'", "{", "$["},
			Pattern: `(\$\([^)]{1,200}[\s/$);|]|(^|[^\w])` + "`" + `\s*(/[\w./-]{0,40}/)?(` + commandNames + `)(\s+[^` + "`" + `]{1,200})?` + "`" + `|\$\{(ifs|path|home|shell|pwd|\w+:\d|\w+//|#|@|!)|\(\)\s*\{\s*[:_\w]*\s*;|[<>]\(\s*\w+|\$'\\x|^\{,?[\w/.-]+(,[\w/.-]*)+\}$|/\w*(\[\w+\]|\?)\w*/\w+|\w+=\$['"\\]+\w+|[;|&]\s*\{\w+,[^}]+\})`,
			Hits:    []string{"$(id;)", "`cat /etc/passwd`", "() { :;}; echo", "cat${IFS}/etc/passwd", "{cat,/etc/passwd}"},
			Misses:  []string{"costs $ (five)", "price in $", "{ok}"}},
		{ID: "command-shell", Class: Command, Form: Unquoted, Why: "a shell or script interpreter by its path or with its switch",
			Any:     []string{"/bin/", "/sbin/", "cmd", "powershell", "/dev/tcp", "/dev/udp", "bash -", "sh -", "perl -", "python", "php -", "ruby -", "nc -", "-e /", "net user", "comspec", "xp_cmdshell", "/c dir", "wscript", "mshta", "rundll32", "certutil", "invoke-", "iex", "-enc", "telnetd", "xterm", "localgroup", "systemroot", "programfiles", "windir"},
			Pattern: `(/(s?bin|local/bin)/[\w?*\[\]-]{1,20}|\bcmd(\.exe)?\s*/\w|powershell(\.exe)?\s+[-"'&]|/dev/(tcp|udp)/|\b(ba|z|k|c|da)?sh\s+-[a-z]|\b(perl|ruby|php|python\d?)\s+-[a-z]\s|\bnc(at)?\s+-\w|-e\s*/bin|net\s+(user|localgroup)\s+\S+|%(comspec|systemroot|programfiles|windir|path|temp)|\b(mshta|rundll32|certutil|wscript|cscript)(\.exe)?\s+\S|\binvoke-(expression|webrequest|command|mimikatz|\w+)|\biex\s*[(\s]\s*(\(|new-object|irm|iwr)|\bnew-object\s+net|-enc\w*\s+[\w+/=]{12,})`,
			Hits:    []string{"/bin/sh", "cmd.exe /c dir", "bash -c 'x'", "%COMSPEC%", "powershell -enc AAAAAAAAAAAAAAAA"},
			Misses:  []string{"sh - a quiet word", "the bin directory", "PHP - the language", "trash bin"}},
		{ID: "command-windows", Class: Command, Form: Spaced, Why: "control words of a Windows batch",
			Any:     []string{"for", "if"},
			Pattern: `(\bfor (/\w )*("[^"]*" |[\w:\\.]+ )?%{1,2}\S* ?(variable )?in ?\(|(^|[&|;] ?)if ?(/i ?)?(not ?)?[^\s=]+ ?(==| (equ|neq|lss|leq|gtr|geq) )|\bif (/i )?(not )?("[^"]*"|%+\w+%*|\[\w*\]|exist|defined|errorlevel|cmdextversion)\s*(==| equ | neq | lss | leq | gtr | geq |\S+ )|\bif %)`,
			Hits:    []string{"FOR %G IN (Sun Mon) DO echo %G", "if not exist x (", "if \"%1\"==\"\" goto e"},
			Misses:  []string{"for 50% in total", "if you exist", "what if x"}},
	}
}

// codeRules are the rules for code of the languages that back ends are written in.
func codeRules() []Rule {
	return []Rule{
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

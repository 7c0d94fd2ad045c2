package detect

// pathRules are the rules for path traversal and file inclusion.
func pathRules() []Rule {
	return []Rule{
		{ID: "traversal-dots", Class: Traversal, Why: "steps up in a directory tree",
			Any:     []string{"..", "./.", `.\.`},
			Pattern: `((^|[/\\=:?&,;"'({<>|])\.{2,}[/\\]+|[/\\]\.\.$|[/\\]\.{2,}([/\\;?#\x00&]|\w*(etc|boot|win)\w*[/\\.])|\.{2}[^\w\s.,/\\'"()-][^/\\\s]{0,8}\.{2}|(\.\.2f){2}|etc2f|\.\.2fetc|\.[^\w\s./\\]{1,3}(boot\.ini|etc)|(\.[/\\]){3,}|([/\\]\.){3,}|^\.{2,}[/\\]|\.\.[/\\]+\.\.|\.{2,}(%|0x|\\u|\\x)|\.{3,}[/\\]|\.\.[\x00-\x1f])`,
			Hits:    []string{"../../etc/passwd", `..\..\boot.ini`, "a/../b", "....//....//etc", "/.\\.\\.\\.\\"},
			Misses:  []string{"wait...", "1..10", "include[]=a", "v1.2..v1.3", "and/or."}},
		{ID: "traversal-file", Class: Traversal, Quiet: true, Why: "a file that only an intruder asks for by name",
			Any:     []string{"etc/", "etc\\", "boot.ini", "win.ini", "php.ini", "my.ini", "/proc/", "c:/", "d:/", "e:/", "c:\\", "d:\\", "e:\\", ".htaccess", ".htpasswd", "wp-config", ".ssh/", ".ssh\\", "id_rsa", "id_dsa", "id_ed25519", ".git/", ".git\\", ".svn/", ".svn\\", ".hg/", ".hg\\", ".env", ".bash_history", ".bashrc", ".mysql_history", ".profile", ".npmrc", ".netrc", ".pgpass", "web-inf", "meta-inf", "my.cnf", "httpd.conf", "authorized_keys", ".aws/", ".kube/", ".docker/", ".boto", "serviceaccount/", "web.config", "config.php", "system32/", "system32\\", "winnt/", "winnt\\", "access.log", "access_log", "error.log", "error_log", "repair/", "repair\\", "/dev/", "/sys/", "inetpub/", "inetpub\\", ".passwd", ".shadow", `\\`},
			Pattern: `(etc[/\\]+(passwd|shadow)|(^|[^\w\s/\\])[/\\]*\w{0,2}etc[/\\]+(group|hosts|issue|motd|fstab|crontab|sudoers|hostname|resolv|profile|mysql|php|httpd|apache|nginx|ssh|security|master|inetd|services|networks|login|init|rc\.|lsb|redhat|release|my\.|mail|sysconfig|syslog|pam|vsftpd|pure|proftpd|samba|exports|ftp\w+|\.\.)|(boot|\b(win|php|my))\.ini\b|/proc/(self|version|cpuinfo|net|mounts|\d+|cmdline|sched|stat|meminfo|swaps)|\.ht(access|passwd)|wp-config|\.ssh[/\\]|\bid_(rsa|dsa|ed25519)|(^|[/\\])\.(git|svn|hg)[/\\]|(^|[/\\])\.(env|bash_history|bashrc|mysql_history|profile|npmrc|netrc|pgpass)\b|(web|meta)-inf|[/\\](my\.cnf|httpd\.conf|php\.ini|authorized_keys|web\.config|config\.php)|[c-e]:[/\\]+(win|boot|inetpub|docume|program|users([/\\]*$|[/\\].{0,120}(ntuser|appdata|[/\\]\.|\.(ini|log|conf|cnf|dat|key|pem|sql|bak|db)\b))|php|apache|xampp|wamp|mysql|temp|autoexec|system)|(system32|winnt)[/\\]|[/\\](access|error)[._]log|[/\\]repair[/\\]sam|^/(dev|sys)/\w+|\binetpub[/\\]|\.(aws/(credentials|config)|kube/config|docker/(config|secrets))|(^|/)\.boto$|serviceaccount/(token|ca|namespace)|^[/.]*\.(passwd|shadow)|^\\\\[\w:.]+\\\w\$)`,
			Hits:    []string{"/etc/passwd", "C:\\boot.ini", "x=C:/Users/Administrator/NTUser.dat", "x/.git/config", "/iietc/passwd", "/proc/self/environ"},
			Misses:  []string{"and so on etc.", "C: drive", "Samsung", "Windows 11", `C:\Users\ada\notes.txt`, ".github/workflows/ci.yml", "legit.gitignore notes", "my git repo", "What is in the file /etc/passwd of a server?"}},
		{ID: "traversal-absolute", Class: Traversal, Weak: true, Unless: ownFile, Why: "a value that as a whole is an absolute path of the server, and not of somebody's own file",
			Any:     []string{"/etc", "/var", "/usr", "/opt", "/home", "/root", "/bin", "/sbin", "/boot", "/lib", "/tmp", "/mnt", "/srv", "/private", "/library", "/applications", "/proc", "/logs", "/log", "/apache", "/www", "/xampp", "/php", "/mysql", "/program", "/volumes", "/web", "/users", "/data", "/nsconfig", ":/", ":\\", "../"},
			Pattern: `^(file:)?[>|<;\s]*(/+((etc|var|usr|opt|root|s?bin|boot|tmp|mnt|srv|private|proc|apache2?|www|xampp|php\d?|mysql|program files|nsconfig)([/\\][^\s=&?]*)*|(home|lib(64)?|library|applications|logs?|volumes|web|system|network)([/\\][^\s=&?]*)+)(%00|\x00)?|[a-z]:[/\\][^=&?]*)$`,
			Hits: []string{"/var/log/apache2/access_log", "C:/php/sessions/", "/usr/pkg/etc/httpd/httpd.conf", "/home/ada/app/config/database.yml", "/home/ada/.netrc.d/x", "/home/ada/../x",
				"/home/ada/server.pem", "/home/www/index.html", "/srv/www/index.html", "/mnt/root/etc/shadow", "/tmp/sess_0123456789abcdef", "/tmp/app.log", "C:/Users/ada/AppData/Roaming/x",
				`D:\backup\site.sql`, `D:\inetpub\x.txt`},
			Misses: []string{"/home/ada/project/main.py", `D:\data\train.csv`, "Make directory /tmp/foo", "find files in /etc/sysconfig that changed", "org/model", "/v1/models", "/home", "/data"}},
		{ID: "traversal-scheme", Class: Traversal, Why: "a URL scheme that reads files or speaks to other services",
			Any:     []string{"file:", "php:/", "expect:/", "zip:/", "phar:/", "jar:", "gopher:/", "dict:/", "netdoc:/", "compress.", "glob:/", "ogg:/", "rar:/", "ssh2.", "ldap:/", "tftp:/", "sftp:/"},
			Pattern: `\b(file:[/\\]|php:/|expect:/|zip:/|phar:/|jar:(http|file)|gopher:/|dict:/|netdoc:/|compress\.(zlib|bzip2):/|glob:/|ogg:/|rar:/|ssh2\.\w+:/|ldap:/|tftp:/|sftp:/|local_file:|url:file:)`,
			Hits:    []string{"file:///etc/passwd", "php://filter/x", "gopher://127.0.0.1:6379/_x"},
			Misses:  []string{"https://example.com/file", "profile: //"}},
		{ID: "traversal-include", Class: Traversal, Weak: true, Why: "a remote file offered for inclusion",
			Any:     []string{"http:", "https:", "ftp:", `\\`},
			Pattern: `^((https?|ftps?)://[^\s]{1,200}(\.(php\d?|txt|inc|jsp|asp|exe|sh|pl|py|ini|dat|bak|dll)\??$|/?\?+$|%00)|(https?|ftp)://(\d{1,3}\.){3}\d{1,3}|\\\\[\w.:-]+\\)`,
			Hits:    []string{"http://evil.example/shell.txt?", "\\\\evil\\share", `\\::1\c$\users`},
			Misses:  []string{"https://example.com/picture.png"}},
	}
}

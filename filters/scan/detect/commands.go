package detect

import "strings"

// shellNames are programs that only a shell's user calls by name: coreutils, what GTFOBins and LOLBAS list, the shells. One
// that ends in -* is the beginning of a family.
const shellNames = `
7z adduser ansible ansible-* apk apt apt-* aria2c arp ash assoc attrib awk base32 base64 basenc bash bcdboot
bcdedit bitsadmin bsdtar busybox bzcat bzip2 cacls capsh certreq certutil chef-* chgrp chmod chown chroot cmd
cmdkey cmstp cp cpan cpio cpulimit crontab cscript csh ctr curl dash dd debugfs del df dig dir dmesg dnf doas
docker-compose dpkg dsquery du egrep emacs erase esentutl eval exec fgrep findstr forfiles ftp ftype gawk gci
gdb get-* getent getmac grep groupadd gunzip gwmi gzip hexdump hostname hping3 icacls id iex ifconfig insmod
installutil invoke-* ipconfig ipcs iptables irb iwr journalctl killall ksh ldd ll ln logname ls lsb_release
lsof ltrace lwp-* lzma mawk md5sum mkdir mkfifo mknod modprobe mongo mongosh msbuild msdt mshta msiexec mv
mysqldump nano nawk nbtstat nc ncat net1 netcat netsh netstat new-object nl nltest nohup nsenter nslookup od
odbcconf openssl passwd pathping pcalua pgrep ping pip pkexec pkill podman powershell printenv printf ps psql
pwd pwsh qwinsta rbash rd readlink realpath redis-cli reg regasm regsvcs regsvr32 ren rm rmdir rmt robocopy
rpm rsync runc rundll32 sc schtasks scp sed sendmail set-* setarch setsid sftp sh sha1sum sha256sum sha512sum
shuf socat sqlite3 ssh sshpass start-process stdbuf strace stty su subst sudo sysinfo systemctl systeminfo tac
tar taskkill tasklist tclsh tcpdump tcsh tee telnet tftp tmux tr traceroute trap tracert ulimit umask umount uname
uniq unlink unshare unzip uptime useradd userdel usermod ver vi vim visudo vssadmin w3m wbadmin wevtutil wget
whereis whoami wmic wscript xargs xcopy xterm xxd xzcat yum zcat zgrep zip zless zsh zstdcat`

// shellWords are programs whose names are words, or things that people write about: only the syntax around them tells.
const shellWords = `
cd touch alias ar arch as at bc call cat cc chef cmp column comm comp compact convert copy cscli cut date declare diff
docker dump echo ed env expand expect export false fc fetch file find finger flock fold for format gcc gem git
groups halt head history host if init install ip iwmi java join jq kill kubectl label last less links locate
look lua lynx mail make man more mount move mysql mysqladmin net nice nm nmap node npm paste perf perl php pr
print python query rc read reboot rev route ruby screen script seq service set shutdown sleep sort source
split start stat strings svn tail test time timeout top tree true tty type unset users view vol wait wall
watch which who whois yes`

// program says how sure a word is the name of one.
type program uint8

const (
	noProgram program = iota
	perhaps           // one of shellWords
	surely            // one of shellNames
)

// programs maps every name above, lower case.
var programs = func() map[string]program {
	m := map[string]program{}
	for _, w := range strings.Fields(shellWords) {
		m[w] = perhaps
	}
	for _, w := range strings.Fields(shellNames) {
		m[w] = surely
	}
	return m
}()

// programOf looks up a word as a shell would find it: with .exe or a version at its end, or of a family (get-item).
func programOf(word []byte) program {
	if n := len(word); n > 4 && string(word[n-4:]) == ".exe" {
		word = word[:n-4]
	}
	if p := programs[string(word)]; p != noProgram {
		return p
	}
	for i, c := range word {
		if c == '-' && i < len(word)-1 && i < 16 {
			var family [18]byte
			n := copy(family[:], word[:i+1])
			family[n] = '*'
			return programs[string(family[:n+1])]
		}
	}
	n := len(word)
	if n == 0 || word[n-1] < '0' || word[n-1] > '9' {
		return noProgram
	}
	for n > 0 && (word[n-1] >= '0' && word[n-1] <= '9' || word[n-1] == '.') {
		n--
	}
	if n < 2 {
		return noProgram
	}
	if programs[string(word[:n])] != noProgram { // python3.10: with its version it is no word any more
		return surely
	}
	return noProgram
}

package opinion

import (
	"slices"
	"strings"
)

// shell looks at what follows each separator of commands, and at what stands in
// substitutions.
func shell(text string) bool {
	if first := strings.TrimLeft(text, " \t\r\n'\"`()"); first != "" && command(first, true) {
		return true
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '`', ';', '|', '&', '\n', '(', '{', '<', '>', '!', '\'', '"', '=':
			if command(strings.TrimLeft(text[i+1:], " \t&|;({!'\"\r\n`@^"), false) {
				return true
			}
		}
	}
	return false
}

// evasion are characters that shells ignore within words, and attackers put
// there to hide the words.
var evasion = strings.NewReplacer("'", "", `"`, "", `\`, "", "^", "", "$@", "", "$*", "", "${IFS}", " ", "$IFS$9", " ", "$IFS", " ", "{", "", "`", "")

// command says that a program with plausible arguments comes first. Where no
// separator stands before it (leading), it must have an argument that prose has
// not.
func command(s string, leading bool) bool {
	s = evasion.Replace(s[:min(len(s), 512)])
	if i := strings.IndexAny(s, ";|&`)\n\r#"); i >= 0 {
		s = s[:i]
	}
	words := strings.Fields(strings.NewReplacer("<", " < ", ">", " > ", ",", " ").Replace(s))
	// Variables may be set and programs may be run by others first.
	for len(words) > 0 && (strings.Contains(words[0], "=") || slices.Contains(wrappers, words[0])) {
		words, leading = words[1:], false
	}
	if len(words) == 0 {
		return false
	}
	name, path := strings.ToLower(words[0]), false
	if i := strings.LastIndexAny(name, "/\\"); i >= 0 {
		name, path = name[i+1:], true
	}
	name = strings.TrimSuffix(name, ".exe")
	if !path && !known(name) {
		// Patterns such as /???/c?t hide a program; a name in a variable does too.
		return strings.ContainsAny(name, "?*$") && len(name) > 1 && len(words) > 1 && !leading && !slices.ContainsFunc(words[1:], plain)
	}
	if path && !known(strings.NewReplacer("?", "", "*", "").Replace(name)) && !strings.ContainsAny(name, "?*") {
		return false
	}
	return plausible(name, words[1:], leading && !path)
}

// plausible says that the arguments are such as programs take: no words of
// prose, unless the program is one that takes words.
func plausible(name string, arguments []string, leading bool) bool {
	if len(arguments) == 0 {
		return !leading && !slices.Contains(everyday, name)
	}
	if option := arguments[0]; len(option) > 1 && (option[0] == '-' || option[0] == '/') {
		return true
	}
	marks, words := 0, 0
	for _, a := range arguments {
		switch {
		case !plain(a):
			marks++
		case slices.Contains(subcommands, strings.ToLower(a)):
			marks++
		default:
			words++
		}
	}
	switch {
	case words == 0:
		return !leading || marks > 0 && !slices.Contains(everyday, name)
	case slices.Contains(talkers, name):
		return !leading
	case words == 1 && marks == 0:
		return !leading && slices.Contains(dangerous, name)
	}
	return marks >= words && !leading
}

// plain says that prose has such words too.
func plain(a string) bool {
	a = strings.TrimRight(a, ".,:!?…")
	for i := range len(a) {
		if c := a[i]; !letter(c) && c != '-' && c < 0x80 || i == 0 && c == '-' {
			return digit(c) && strings.Trim(a, "0123456789") != "" && !strings.ContainsAny(a, "./\\:$%*-")
		}
	}
	return true
}

func known(name string) bool {
	name = strings.TrimRight(name, "0123456789.")
	return slices.Contains(dangerous, name) || slices.Contains(everyday, name) || slices.Contains(talkers, name)
}

var (
	wrappers = []string{"sudo", "nohup", "exec", "command", "env", "busybox", "xargs", "time", "timeout", "nice", "start", "call", "eval", "setsid"}
	// dangerous are programs whose names prose hardly has.
	dangerous = []string{
		"bash", "sh", "zsh", "ksh", "csh", "curl", "wget", "nc", "ncat", "netcat", "awk", "gawk",
		"sed", "grep", "egrep", "chmod", "chown", "rm", "cp", "mv", "ls", "cat", "tac", "nl", "od", "xxd", "whoami", "id", "uname", "ifconfig",
		"netstat", "ps", "nslookup", "ping", "traceroute", "telnet", "ssh", "scp", "sftp", "ftp", "tftp", "rsync", "socat", "openssl", "tar", "gzip",
		"gunzip", "zip", "unzip", "mkfifo", "mknod", "crontab", "useradd", "usermod", "passwd", "printenv", "pwd", "dir", "del", "rmdir", "xcopy",
		"cmd", "powershell", "pwsh", "certutil", "bitsadmin", "mshta", "rundll", "regsvr", "wmic", "schtasks", "tasklist", "taskkill", "netsh",
		"ipconfig", "systeminfo", "cscript", "wscript", "msiexec", "iex", "invoke-expression", "invoke-webrequest", "iwr", "gcc", "gdb", "strace",
		"pkill", "killall", "systemctl", "reboot", "poweroff", "dd", "mkdir", "rev", "hostname", "ln", "lsof", "df", "du", "vim", "vi", "nano", "arp", "getent", "kubectl",
		"new-object", "get-content", "get-process", "start-process", "set-executionpolicy", "tee", "tr", "ping6", "uptime", "lscpu", "umount", "su",
	}
	// everyday are programs whose names are words or products: they need arguments.
	everyday = []string{
		"more", "less", "find", "which", "who", "w", "last", "history", "test", "sort", "split", "join", "head", "tail", "file", "date", "top", "time", "watch", "at",
		"make", "man", "cut", "strings", "shutdown", "locate", "users", "finger", "expr", "true", "false", "yes", "wait", "read", "set", "export", "alias", "unset",
		"source", "open", "sleep", "touch", "link", "install", "python", "perl", "ruby", "php", "node", "lua", "java", "javac", "git", "npm", "docker", "host", "ip",
		"net", "type", "copy", "route", "mount", "base", "kill", "cal", "cc", "dash", "reg", "ss", "dig", "pip",
	}
	// talkers take any words.
	talkers = []string{"echo", "printf", "say", "write-host", "write-output"}
	// subcommands are words that certain programs take.
	subcommands = []string{"user", "users", "localgroup", "view", "start", "stop", "share", "use", "install", "query", "add", "process", "get", "list", "now", "clone", "run", "exec", "delete", "create"}
)

package opinion

import (
	"slices"
	"strings"
)

// shell looks at what follows each separator of commands, and at what stands in
// substitutions.
func shell(text string) bool {
	if first := strings.TrimLeft(text, " \t\r\n'\"()"); first != "" && first[0] != '`' && command(first, true) {
		return true
	}
	written, read := prose(text), 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '`':
			if n := fence(text, i); n > 0 {
				i += n
			}
			if written {
				if n := span(text, i); n > 0 {
					i += n
					continue
				}
			}
			fallthrough
		case ';', '|', '&', '\n', '(', '{', '!', '=':
			if text[i] == '=' && i > 0 && strings.IndexByte(" =!<>", text[i-1]) >= 0 || text[i] == '{' && i+1 < len(text) && isSpace(text[i+1]) {
				continue // a comparison, or a block of code
			}
			if (text[i] == '=' || text[i] == '&' && strings.HasPrefix(text[i:], "& ")) && chat(text[i+1:]) {
				continue
			}
			if read++; read > maxCommands {
				return true
			}
			if command(strings.TrimLeft(text[i+1:min(i+1+maxCommand, len(text))], " \t&|;({!'\"\r\n`@^"), false) {
				return true
			}
		}
	}
	return false
}

const (
	// maxCommand is how many bytes behind a separator are read as a command.
	maxCommand = 640
	// maxCommands bounds the commands that are read in one text.
	maxCommands = 4000
)

// chat says that only words follow the name of a program that takes any:
// "& echo sounders", which does nothing even if it is run.
func chat(s string) bool {
	words := strings.Fields(s[:min(len(s), 512)])
	return len(words) > 1 && slices.Contains(talkers, strings.ToLower(words[0])) && plain(strings.TrimRight(words[1], "~*^0123456789"))
}

// fence is the length of the marks that open or close a block of code in
// Markdown, with the name of the language behind them: "```sh" runs nothing.
func fence(text string, i int) int {
	if !strings.HasPrefix(text[i:], "```") {
		return 0
	}
	n := 3
	for n < maxLanguage && i+n < len(text) && (letter(text[i+n]) || digit(text[i+n]) || strings.IndexByte("-+#.", text[i+n]) >= 0) {
		n++
	}
	if i+n < len(text) && text[i+n] != '\n' && text[i+n] != '\r' {
		return 0
	}
	return min(n, len(text)-i-1)
}

// maxLanguage bounds the name of a language behind the marks.
const maxLanguage = 32

// span is the length of what prose shows as code, without the mark that closes
// it: the field `id`, or commands that touch nothing but what is at hand.
func span(text string, i int) int {
	shown, _, closed := strings.Cut(text[i+1:min(i+1+maxCommand, len(text))], "`")
	if !closed || shown == "" || !plain(shown) && !homely(shown) || i > 0 && !isSpace(text[i-1]) && strings.IndexByte("([\"'*_,/", text[i-1]) < 0 {
		return 0
	}
	if after := i + len(shown) + 2; after < len(text) && !isSpace(text[after]) && strings.IndexByte(".,:;!?)]\"'*_/-", text[after]) < 0 {
		return 0
	}
	return len(shown) + 1
}

// homely says that commands build, or handle files here, and name no path
// elsewhere, pattern or variable.
func homely(commands string) bool {
	if strings.ContainsAny(commands, "|;<>$*?~\\\n") || strings.Contains(commands, "..") {
		return false
	}
	for one := range strings.SplitSeq(commands, "&&") {
		words := strings.Fields(one)
		if len(words) < 2 || !slices.Contains(builders, words[0]) && !slices.Contains(filers, words[0]) ||
			slices.ContainsFunc(words[1:], func(a string) bool { return a[0] == '/' || harmful(words[0], a) }) {
			return false
		}
	}
	return true
}

// evasion are characters that shells ignore within words, and attackers put
// there to hide the words.
var evasion = strings.NewReplacer("'", "", `"`, "", `\`, "", "^", "", "$@", "", "$*", "", "${IFS}", " ", "$IFS$9", " ", "$IFS", " ", "{", "", "``", "")

var (
	// apart sets redirections and the parts of braces apart.
	apart = strings.NewReplacer("<", " < ", ">", " > ", ",", " ")
	// unhidden is without what stands for letters.
	unhidden = strings.NewReplacer("?", "", "*", "")
)

// command says that a program with plausible arguments comes first. Where no
// separator stands before it (leading), it must have an argument that prose has
// not.
func command(s string, leading bool) bool {
	if strings.HasPrefix(s, "base64,") { // of an address with data
		return false
	}
	if i := strings.IndexByte(s, '\n'); i > 0 {
		s = s[:i]
	}
	s = evasion.Replace(s[:min(len(s), 512)])
	if i := strings.IndexAny(s, ";|&`)\n\r#"); i >= 0 {
		s = s[:i]
	}
	words := strings.Fields(apart.Replace(s))
	// Variables may be set and programs may be run by others first.
	for len(words) > 0 && (strings.Contains(words[0], "=") || slices.Contains(wrappers, words[0])) {
		words, leading = words[1:], false
	}
	if len(words) == 0 {
		return false
	}
	name, path := strings.ToLower(words[0]), false
	if slices.Contains(everyday, name) && words[0][0] < 'a' && words[0][1:] == name[1:] { // a name, or the start of a sentence
		return false
	}
	if slices.Contains(everyday, name) && words[0] == strings.ToUpper(name) && !slices.ContainsFunc(words[1:], func(a string) bool { return a[0] == '/' || strings.ContainsAny(a, `\:%`) }) {
		return false // COPY of a Dockerfile
	}
	if i := strings.LastIndexAny(name, "/\\"); i >= 0 {
		name, path = name[i+1:], true
	}
	name = strings.TrimSuffix(name, ".exe")
	if !path && !known(name) {
		// Patterns such as /???/c?t hide a program; a name in a variable does too.
		return hidden(name) && len(words) > 1 && !leading && !slices.ContainsFunc(words[1:], plain)
	}
	if path && !known(unhidden.Replace(name)) && (!hidden(name) || words[0][0] != '/') {
		return false
	}
	return plausible(name, words[1:], leading && !path)
}

// hidden says that a name could be the pattern of one: letters and what stands
// for letters.
func hidden(name string) bool {
	return len(name) > 1 && strings.ContainsAny(name, "?*$") && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789?*$_-.@!#}%:~") == "" &&
		strings.Trim(name, "*?.") != ""
}

// plausible says that the arguments are such as programs take: no words of
// prose, unless the program is one that takes words.
func plausible(name string, arguments []string, leading bool) bool {
	if len(arguments) == 0 {
		return !leading && !slices.Contains(everyday, name) && !slices.Contains(builders, name)
	}
	if slices.Contains(builders, name) {
		return slices.ContainsFunc(arguments, func(a string) bool { return harmful(name, a) })
	}
	if name == "cmd" {
		return slices.ContainsFunc(arguments, func(a string) bool { return a[0] == '/' })
	}
	if option(arguments[0]) {
		return true
	}
	marks, words := 0, 0
	for _, a := range arguments {
		switch {
		case strings.Trim(a, "0123456789") == "" && len(arguments) > 1: // "cat 5 cable"
			words++
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

// option says that an argument is one as programs of Unix or Windows take them,
// "-la" or "/all"; what has further slashes or a dot is a path.
func option(a string) bool {
	return len(a) > 1 && (a[0] == '-' || a[0] == '/' && strings.Trim(strings.ToLower(a[1:]), "abcdefghijklmnopqrstuvwxyz0123456789:?") == "")
}

// harmful says that an argument makes a tool of developers run code that is
// handed over, or fetch or show what it should not.
func harmful(name, a string) bool {
	switch a {
	case "-c", "-e", "-r", "-ne", "-pe", "--eval", "-":
		return slices.Contains(interpreters, name)
	}
	return strings.Contains(a, "://") || strings.Contains(a, "/etc/") || strings.Contains(a, "/:") || strings.Contains(a, "secret") || strings.HasPrefix(a, "-e'") || strings.HasPrefix(a, "-r'")
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
	return slices.Contains(dangerous, name) || slices.Contains(everyday, name) || slices.Contains(talkers, name) || slices.Contains(builders, name)
}

var (
	wrappers = []string{"sudo", "nohup", "exec", "command", "env", "busybox", "xargs", "time", "timeout", "nice", "start", "call", "eval", "setsid"}
	// dangerous are programs whose names prose hardly has.
	dangerous = []string{
		"bash", "sh", "zsh", "ksh", "csh", "curl", "wget", "nc", "ncat", "netcat", "awk", "gawk",
		"sed", "grep", "egrep", "chmod", "chown", "rm", "cp", "mv", "ls", "cat", "tac", "nl", "od", "xxd", "whoami", "id", "uname", "ifconfig",
		"netstat", "ps", "nslookup", "ping", "traceroute", "telnet", "ssh", "scp", "sftp", "ftp", "tftp", "rsync", "socat", "openssl", "systemctl", "tar", "gzip",
		"gunzip", "zip", "unzip", "mkfifo", "mknod", "crontab", "useradd", "usermod", "passwd", "printenv", "pwd", "dir", "del", "rmdir", "xcopy",
		"cmd", "powershell", "pwsh", "certutil", "bitsadmin", "mshta", "rundll", "regsvr", "wmic", "schtasks", "tasklist", "taskkill", "netsh",
		"ipconfig", "systeminfo", "cscript", "wscript", "msiexec", "iex", "invoke-expression", "invoke-webrequest", "iwr", "gcc", "gdb", "strace",
		"pkill", "killall", "reboot", "poweroff", "dd", "mkdir", "rev", "hostname", "ln", "lsof", "df", "du", "vim", "vi", "nano", "arp", "getent",
		"new-object", "get-content", "get-process", "start-process", "set-executionpolicy", "tee", "tr", "ping6", "uptime", "lscpu", "umount", "su",
	}
	// everyday are programs whose names are words or products: they need arguments.
	everyday = []string{
		"more", "less", "find", "which", "who", "w", "last", "history", "test", "sort", "split", "join", "head", "tail", "file", "date", "top", "time", "watch",
		"man", "cut", "strings", "shutdown", "locate", "users", "finger", "expr", "true", "false", "yes", "wait", "read", "set", "export", "alias", "unset",
		"source", "open", "sleep", "touch", "link", "install", "lua", "host", "ip",
		"net", "type", "copy", "route", "mount", "base", "kill", "cal", "cc", "dash", "reg", "ss", "dig",
	}
	// builders are the tools of developers, whose commands stand in tickets, build
	// scripts and documents.
	builders = []string{
		"python", "perl", "ruby", "php", "node", "java", "javac", "git", "npm", "npx", "pnpm", "yarn", "docker", "make", "pip", "pytest", "mvn", "gradle",
		"cargo", "go", "terraform", "kubectl", "helm", "composer", "dotnet", "apt-get", "apt", "yum", "dnf", "brew", "bundle", "rake", "ansible",
	}
	// filers handle files.
	filers = []string{"rm", "cp", "mv", "mkdir", "rmdir", "cd", "touch", "ls"}
	// interpreters are those that run code from the command line.
	interpreters = []string{"python", "perl", "ruby", "php", "node"}
	// talkers take any words.
	talkers = []string{"echo", "printf", "say", "write-host", "write-output"}
	// subcommands are words that certain programs take.
	subcommands = []string{"user", "users", "localgroup", "view", "start", "stop", "share", "use", "install", "query", "add", "process", "get", "list", "now", "clone", "run", "exec", "delete", "create"}
)

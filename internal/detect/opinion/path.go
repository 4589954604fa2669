package opinion

import (
	"slices"
	"strings"
)

// Path says whether the text could be a path to a file, or make one that it is
// put into lead elsewhere. A path that prose mentions, with a blank in front of
// it, leads nowhere; one with dots that go up, in quotes, or in an address does.
func Path(text string) bool {
	if strings.Contains(text, "../..") || strings.Contains(text, `..\..`) || strings.IndexByte(text, 0) >= 0 {
		return true
	}
	if !prose(text) {
		return strings.Contains(text, "://") || pathLike(strings.TrimSpace(text))
	}
	if strings.HasPrefix(text, "../") || strings.HasPrefix(text, `..\`) || strings.Contains(text, "/../") || strings.Contains(text, `\..\`) {
		return true
	}
	// In prose, what touches marks of code may be one.
	for i := 1; i < len(text); i++ {
		if (text[i] == '/' || text[i] == '\\' || text[i] == '.' && i+1 < len(text) && letter(text[i+1])) && strings.IndexByte("'\"(=,|", text[i-1]) >= 0 {
			if end := strings.IndexAny(text[i:], "'\") \n"); end < 0 || text[i+end] != ' ' && text[i+end] != '\n' {
				return systemPath(text[i:])
			}
		}
	}
	return strings.HasPrefix(text, "/") || strings.HasPrefix(text, `\`)
}

// pathLike says that a text without prose has a part of a path: names behind
// slashes, or a name that begins with a dot.
func pathLike(text string) bool {
	if strings.ContainsAny(text, `/\%`) {
		return true
	}
	for i := range len(text) {
		if text[i] == '.' && (i == 0 || !letter(text[i-1]) && !digit(text[i-1]) && text[i-1] != ')') {
			return true
		}
	}
	// A name of a file with nothing else, such as wp-config.php.
	i := strings.LastIndexByte(text, '.')
	return i > 0 && !strings.ContainsAny(text, " \t\n") && slices.Contains(extensions, strings.ToLower(text[i+1:]))
}

// extensions are those of files that attackers want to read.
var extensions = []string{
	"php", "config", "conf", "cnf", "cfg", "ini", "inf", "inc", "xml", "json", "yml", "yaml", "toml", "log", "bak", "old", "sql", "sh", "key", "pem", "crt", "db",
	"sqlite", "properties", "lock", "asax", "asa", "dll", "sys", "txt", "env", "history", "rb", "py", "js", "java", "jsp", "aspx", "dat", "sam",
}

// systemPath says that an absolute path leads into the directories of a system.
func systemPath(path string) bool {
	path = strings.ToLower(path)
	for _, directory := range []string{"/etc/", "/proc/", "/root/", "/home/", "/var/", "/usr/", "/windows/", "/winnt/", "/boot", "/sys/", "/dev/", "/.", `\windows\`, `\winnt\`, `\boot`, "."} {
		if strings.HasPrefix(path, directory) {
			return true
		}
	}
	return false
}

package opinion

import (
	"slices"
	"strings"
)

// nodeCode are what gives code of JavaScript power over the process, without
// blanks and in lower case; functions and messages to the console have none.
var nodeCode = []string{
	"child_process", "eval(", "newfunction", "function(\"", "function('", "function(`", "fromcharcode", "process.", "process[", "this.constructor",
	"constructor.constructor", "constructor:constructor", "constructor(", "require(", "require`", "nd_func", "js_function", "prototype", "__proto__", "global.", "globalthis", "import(",
	"settimeout(", "setinterval(", "readfile", "writefile", "spawn", "exec(", "module:",
}

// Node says whether the text has more of JavaScript than functions and output.
func Node(text string) bool {
	text = strings.ToLower(strings.Join(strings.Fields(text), ""))
	return slices.ContainsFunc(nodeCode, func(s string) bool { return strings.Contains(text, s) })
}

// otherCalls are functions of PHP that C, Python, JavaScript or databases have
// too, and that do nothing by themselves.
var otherCalls = []string{"print", "printf", "sprintf", "substr", "md5", "rtrim", "ltrim", "trim", "intval", "stat", "is_a", "glob", "exp", "ord", "chr", "unset", "mkdir", "strip_tags"}

// PHPCall says whether the text calls a function that only PHP has, or one that
// does harm; or that it chains calls as hidden code does.
func PHPCall(text string) bool {
	if strings.Contains(text, "<?") || strings.Count(strings.ToLower(text), "chr(") > 1 {
		return true
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '(' {
			continue
		}
		if inside, _, closed := strings.Cut(text[i+1:min(i+65, len(text))], ")"); i > 0 && text[i-1] == ' ' && closed && inside != "" && plain(inside) {
			continue // an aside in a sentence
		}
		name := strings.TrimRight(text[max(0, i-64):i], " \t\r\n\"')")
		from := len(name)
		for from > 0 && (letter(name[from-1]) || digit(name[from-1])) {
			from--
		}
		if called := strings.ToLower(name[from:]); phpName(called) && !slices.Contains(otherCalls, called) {
			return true
		}
	}
	return false
}

// phpName says that a name is one of the functions by which PHP runs commands
// and code, or reads and writes files.
func phpName(name string) bool {
	return slices.Contains([]string{
		"assert", "assert_options", "create_function", "eval", "exec", "file", "filegroup", "fopen", "fputs", "fwrite", "fread", "imagegif", "imagejpeg", "imagepng", "imagewbmp", "imagexbm",
		"opendir", "passthru", "phpinfo", "popen", "prev", "readfile", "system", "tmpfile", "unlink", "unpack", "shell_exec", "proc_open", "pcntl_exec", "include", "require",
		"file_get_contents", "file_put_contents", "call_user_func", "call_user_func_array", "base64_decode", "preg_replace", "array_map", "usort", "extract", "putenv", "rename", "move_uploaded_file", "curl_exec", "ini_set", "mail", "header", "parse_str", "str_rot13", "gzinflate",
	}, name)
}

// MongoOperator says whether a name behind a dollar sign stands where MongoDB
// takes an operator: as the name of a member or of a parameter. Variables of
// GraphQL and of templates do not.
func MongoOperator(text string) bool {
	for i := range len(text) {
		if text[i] != '$' {
			continue
		}
		before := strings.TrimRight(text[:i], " \t\r\n")
		if before == "" || strings.IndexByte("{[,\"'.", before[len(before)-1]) >= 0 {
			return true
		}
	}
	return false
}

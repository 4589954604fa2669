package errorsanitization

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// leak is one kind of what an error should not tell. A body is searched for its
// words before the expression, which costs more.
type leak struct {
	kind  string
	words []string // lower case; none means that the expression decides alone
	expr  string
}

// known are the leaks of the platforms that stand behind APIs.
var known = [...]leak{
	{"a stack trace of Java", []string{"at ", ".java:"}, `(?m)^\s*at [\w$.<>/]+\([\w$]+\.(?:java|kt|scala|groovy):\d+\)|Exception in thread "`},
	{"an exception of Java", []string{"exception"}, `\b(?:java|javax|jakarta|org|com|net|io|sun)\.[\w.$]{3,}(?:Exception|Error)\b`},
	{"an error of Mule", []string{"mule"}, `\borg\.mule\.|\bMULE:[A-Z_]{3,}|\bcom\.mulesoft\.|Mule (?:Runtime|Server) \d`},
	{"a stack trace of .NET", []string{"   at "}, `(?m)^\s+at [\w.<>` + "`" + `\[\],]+\([^)]*\)(?: in .+:line \d+)?\s*$|\bSystem\.[\w.]+Exception\b`},
	{"a stack trace of Python", []string{"traceback"}, `Traceback \(most recent call last\)`},
	{"a stack trace of JavaScript", []string{"    at "}, `(?m)^\s+at .+\(?(?:/|file:|node:|[A-Za-z]:\\).+:\d+:\d+\)?`},
	{"a stack trace of Go", []string{"goroutine "}, `goroutine \d+ \[[a-z ]+\]:`},
	{"an error of PHP", []string{" on line "}, `(?:Fatal error|Warning|Notice|Parse error)(?:</b>)?:.+ on line (?:<b>)?\d+`},
	{"a stack trace of Ruby", []string{".rb:"}, `[\w/.-]+\.rb:\d+:in [` + "`" + `']`},
	{"an error of a database", []string{"ora-", "sqlstate", "sql syntax", "mysql", "postgresql", "psycopg", "sqlite", "odbc", "jdbc", "hibernate", "mongo"}, `\bORA-\d{5}\b|SQLSTATE\[?\w{5}|You have an error in your SQL syntax|\b(?:PG|Psycopg2?)::\w*Error|SQLiteException|sqlite3\.OperationalError|\[(?:Microsoft|ODBC|SQL Server)[^\]]*\]\[|jdbc:\w+:|org\.hibernate\.|MongoServerError|MySQLSyntaxErrorException`},
	{"a statement of SQL", []string{"select ", "insert into", "update ", "delete from"}, `\bSELECT\s[^;{}]{1,200}\sFROM\s+\w+|(?i)\b(?:select\s+(?:\*|[\w.]+(?:\s*,\s*[\w.]+)*)\s+from\s+\w+|insert\s+into\s+\w+\s*\(|update\s+\w+\s+set\s+\w+\s*=|delete\s+from\s+\w+\s+where)\b`},
	{"a path of a file", []string{"/home/", "/var/", "/usr/", "/opt/", "/etc/", ":\\"}, `(?:/home/|/var/(?:www|lib|task|log)/|/usr/(?:src|local|share|lib)/|/opt/|/etc/)[\w.-]+/?[\w./-]*|\b[A-Za-z]:\\(?:[\w .-]+\\)+`},
	{"an address of the inside", nil, `\b(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}(?::\d{2,5})?\b`},
	{"a secret", []string{"-----begin", "akia", "password=", "secret=", "aws_secret"}, `-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|(?i)\b(?:password|secret|aws_secret_access_key)=[^\s&"']{4,}`},
}

type leaks struct {
	kinds []leak
	exprs []*regexp.Regexp
}

func compileLeaks(further []string) (*leaks, error) {
	l := &leaks{}
	for _, one := range known {
		l.kinds, l.exprs = append(l.kinds, one), append(l.exprs, regexp.MustCompile(one.expr))
	}
	for i, text := range further {
		expr, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("patterns[%d]: %w", i, err)
		}
		l.kinds, l.exprs = append(l.kinds, leak{kind: fmt.Sprintf("what pattern %d tells", i+1)}), append(l.exprs, expr)
	}
	return l, nil
}

// plain turns what JSON and HTML write for the ends of lines, spaces and slashes
// into what they stand for, or a trace would be one line.
var plain = strings.NewReplacer(
	`\r\n`, "\n", `\n`, "\n", `\r`, "\n", `\t`, "\t", `\/`, "/", `\\`, `\`, `\"`, `"`, `\u000a`, "\n", `\u000A`, "\n", `\u0009`, "\t",
	"<br>", "\n", "<br/>", "\n", "<br />", "\n", "<BR>", "\n", "<pre>", "\n", "&nbsp;", " ", "&#x2F;", "/", "&#47;", "/",
	"&quot;", `"`, "&#34;", `"`, "&#39;", "'", "&#x27;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&",
)

// find is the first kind of leak in a body, as it came or in plain, "" for none.
func (l *leaks) find(body []byte) string {
	if kind := l.search(body); kind != "" || !bytes.ContainsAny(body, `\&<`) {
		return kind
	}
	return l.search([]byte(plain.Replace(string(body))))
}

func (l *leaks) search(body []byte) string {
	lower := bytes.ToLower(body)
	for i, one := range l.kinds {
		if one.mayBeIn(lower) && l.exprs[i].Match(body) {
			return one.kind
		}
	}
	return ""
}

func (l *leak) mayBeIn(lower []byte) bool {
	for _, word := range l.words {
		if bytes.Contains(lower, []byte(word)) {
			return true
		}
	}
	return len(l.words) == 0
}

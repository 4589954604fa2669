package main

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

var (
	printedTitle = regexp.MustCompile(`^ +\d\. (.+?) +→ (.+)$`)
	shellWord    = regexp.MustCompile(`'[^']*'|[^\s']+`)
	withUser     = regexp.MustCompile(`^(\d+); with -u (\S+) → (\d+)$`)
	timesThen    = regexp.MustCompile(`^five times (\d+), then (\d+)$`)
)

// try reads what farrier demo printed, sends each request as curl would, and
// holds that it is answered as printed.
func try(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 1, 1, "try FILE")
	lines := strings.Split(ts.ReadFile(args[0]), "\n")
	tried := 0
	for i, line := range lines[:len(lines)-1] {
		title := printedTitle.FindStringSubmatch(line)
		if title == nil {
			continue
		}
		command := strings.TrimSpace(lines[i+1])
		if got, want, err := tryOne(command, title[2]); err != nil || got != want {
			ts.Fatalf("%s\n%s\ngot %s, %v; %s was promised", title[1], command, got, err, want)
		}
		tried++
	}
	ts.Logf("tried %d requests", tried)
	if tried < 5 {
		ts.Fatalf("only %d requests were printed", tried)
	}
}

// tryOne sends a printed command and says what came of it in the words of the
// promise.
func tryOne(command, promise string) (got, want string, err error) {
	if m := timesThen.FindStringSubmatch(promise); m != nil {
		var statuses []string
		for range 6 {
			status, err := curl(command, "")
			if err != nil {
				return "", "", err
			}
			statuses = append(statuses, fmt.Sprint(status))
		}
		return strings.Join(statuses, " "), strings.Repeat(m[1]+" ", 5) + m[2], nil
	}
	status, err := curl(command, "")
	if err != nil {
		return "", "", err
	}
	if m := withUser.FindStringSubmatch(promise); m != nil {
		second, err := curl(command, m[2])
		return fmt.Sprint(status, " ", second), m[1] + " " + m[3], err
	}
	return fmt.Sprint(status), promise, nil
}

// curl sends what a printed curl command says; of a loop it sends one round.
func curl(command, user string) (int, error) {
	method, target, body, header := http.MethodGet, "", "", http.Header{}
	words := shellWord.FindAllString(command, -1)
	for i := range words {
		words[i] = strings.Trim(words[i], "';")
	}
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case word == "-H":
			i++
			name, value, _ := strings.Cut(words[i], ": ")
			header.Set(name, value)
		case word == "-d":
			i++
			method, body = http.MethodPost, words[i]
		case word == "-o" || word == "-w":
			i++
		case strings.HasPrefix(word, "http://"):
			target = word
		}
	}
	if _, err := url.Parse(target); err != nil || target == "" {
		return 0, fmt.Errorf("no URL in %q", command)
	}
	if user != "" {
		name, password, _ := strings.Cut(user, ":")
		req := http.Request{Header: header}
		req.SetBasicAuth(name, password)
	}
	return get(method, target, header, body)
}

package main

import (
	"context"
	"errors"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"farrier.dev/farrier/internal/app"
)

// patience bounds every wait of the tests.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"farrier": func() { os.Exit(Main()) }})
}

// TestTranscripts plays testdata/*.txtar: what people type, and what they read.
// Beside the commands of testscript there are
//
//	exits CODE COMMAND…       runs a command that must end with this code
//	place FILE VARIABLE       puts a free address in place of 0.0.0.0:8081 in a manifest, and its URL in VARIABLE
//	await FILE REGEXP [NAME]  waits until the file matches, and puts the first group in NAME
//	reach URL                 waits until something answers there
//	answers STATUS URL        sends a GET, which must be answered with the status
//	until REGEXP COMMAND…     runs a command until what it prints matches
//	try FILE                  sends the requests that farrier demo printed, which must be answered as printed
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "place": place, "await": await, "reach": reach, "answers": answers, "until": until, "try": try,
		},
	})
	t.Logf("played %d transcripts", len(files))
	if len(files) < 9 {
		t.Error("there should be at least 9")
	}
}

// TestExitCodes holds that the package comment tells the codes that app uses.
func TestExitCodes(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "main.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	comment := strings.Join(strings.Fields(file.Doc.Text()), " ")
	want := "Exit codes: " + strconv.Itoa(app.ExitGood) + " good; " +
		strconv.Itoa(app.ExitFindings) + " something was found (check: problems, inspect: an attack, dry-run: a request newly refused); " +
		strconv.Itoa(app.ExitBroken) + " the command could not run."
	if !strings.Contains(comment, want) {
		t.Errorf("the package comment says %q, want %q in it", comment, want)
	}
}

// TestEveryCommandHasTranscript holds that none is forgotten.
func TestEveryCommandHasTranscript(t *testing.T) {
	code := 0
	for _, c := range command(&code).Commands() {
		if _, err := os.Stat("testdata/" + c.Name() + ".txtar"); err != nil {
			t.Errorf("%s has no transcript", c.Name())
		}
	}
}

func usage(ts *testscript.TestScript, neg bool, args []string, low, high int, text string) {
	if neg || len(args) < low || len(args) > high {
		ts.Fatalf("usage: %s", text)
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 2, 100, "exits CODE COMMAND…")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("running: %v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func place(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 2, 2, "place FILE VARIABLE")
	// Below the ports of outgoing connections, which might take it meanwhile.
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000)))
	ln, err := net.Listen("tcp", address)
	ts.Check(err)
	ts.Check(ln.Close())
	text := strings.ReplaceAll(ts.ReadFile(args[0]), "0.0.0.0:8081", address)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
	ts.Setenv(args[1], "http://"+address)
}

// poll asks again and again, for what it waits for is in another process.
func poll(ts *testscript.TestScript, what string, done func() bool) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			ts.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 2, 3, "await FILE REGEXP [NAME]")
	wanted, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var found []string
	poll(ts, args[1]+" in "+args[0], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		found = wanted.FindStringSubmatch(string(text))
		return err == nil && found != nil
	})
	if len(args) == 3 {
		ts.Setenv(args[2], found[1])
	}
}

func get(method, url string, header http.Header, body string) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header = header
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func reach(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 1, 1, "reach URL")
	poll(ts, args[0], func() bool {
		_, err := get(http.MethodGet, args[0], http.Header{}, "")
		return err == nil
	})
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 2, 100, "until REGEXP COMMAND…")
	wanted, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	poll(ts, args[0]+" of "+args[1], func() bool {
		_ = ts.Exec(args[1], args[2:]...) // its exit code is for others to look at
		return wanted.MatchString(ts.ReadFile("stdout"))
	})
}

func answers(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 2, 2, "answers STATUS URL")
	status, err := get(http.MethodGet, args[1], http.Header{}, "")
	ts.Check(err)
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("%s was answered %d, want %s", args[1], status, args[0])
	}
}

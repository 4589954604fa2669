package content

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/gaissmai/bart"
)

// The limits of feeds.
const (
	maxAddresses = 2_000_000
	maxBots      = 10_000
	// minBot and maxBot bound a phrase, in bytes: one letter is in every user agent.
	minBot, maxBot = 4, 256
	// widest are the widest networks of IPv4 and IPv6: a slip of the pen must not
	// name half the world.
	widest4, widest6 = 8, 16
)

// Errors of feeds begin with the line, ":7: ", and the caller puts the name of
// the file in front.
func atLine(line int, format string, args ...any) error {
	return fmt.Errorf(":%d: "+format, append([]any{line}, args...)...)
}

// parseAddresses reads one address or network a line; what stands behind # is
// a comment. It counts the lines that name one.
func parseAddresses(text []byte) (set *bart.Lite, count int, err error) {
	set = new(bart.Lite)
	line := 0
	for raw := range bytes.Lines(text) {
		line++
		entry, _, _ := bytes.Cut(raw, []byte("#"))
		one := string(bytes.TrimSpace(entry))
		if one == "" {
			continue
		}
		network, err := parseNetwork(one)
		if err != nil {
			return nil, 0, atLine(line, "%w", err)
		}
		if count++; count > maxAddresses {
			return nil, 0, atLine(line, "more than %d addresses", maxAddresses)
		}
		set.Insert(network)
	}
	return set, count, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if len(text) > 64 {
		return netip.Prefix{}, fmt.Errorf("%.20q... is no address", text)
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		ip = ip.Unmap()
		if ip.Zone() != "" || ip.IsUnspecified() {
			return netip.Prefix{}, fmt.Errorf("%q is the address of no caller", text)
		}
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network; write 192.0.2.7 or 192.0.2.0/24", text)
	}
	widest := widest6
	if network.Addr().Is4() {
		widest = widest4
	}
	switch {
	case network.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q: write the IPv4 network", text)
	case network != network.Masked():
		return netip.Prefix{}, fmt.Errorf("%q has bits behind its prefix; write %s", text, network.Masked())
	case network.Bits() < widest:
		return netip.Prefix{}, fmt.Errorf("%q is wider than /%d", text, widest)
	}
	return network, nil
}

// parseBots reads one phrase a line; a line that begins with # is a comment.
func parseBots(text []byte) ([]string, error) {
	var all []string
	line := 0
	for raw := range bytes.Lines(text) {
		line++
		phrase := string(bytes.TrimSpace(raw))
		switch {
		case phrase == "" || phrase[0] == '#':
			continue
		case len(phrase) < minBot || len(phrase) > maxBot:
			return nil, atLine(line, "a phrase has %d to %d bytes, this one %d", minBot, maxBot, len(phrase))
		case !utf8.ValidString(phrase) || strings.ContainsFunc(phrase, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return nil, atLine(line, "a phrase is text without control characters")
		case len(all) == maxBots:
			return nil, atLine(line, "more than %d phrases", maxBots)
		}
		all = append(all, phrase)
	}
	return all, nil
}

// The length of a prefix of a SHA-1, in hexadecimal digits.
const minPrefix, maxPrefix = 10, 40

// readPasswords counts the prefixes in a file and refuses one that can't be
// searched: they are upper-case hexadecimal, of one length, in ascending order.
func readPasswords(name string) (count int, err error) {
	file, err := os.Open(name) //nolint:gosec // in our own folder, by a name that was checked
	if err != nil {
		return 0, fmt.Errorf(": %w", err)
	}
	defer func() { _ = file.Close() }()
	in := bufio.NewScanner(file)
	in.Buffer(make([]byte, 0, 4096), 4096)
	var last []byte
	for in.Scan() {
		count++
		line := in.Bytes()
		if len(line) < minPrefix || len(line) > maxPrefix || len(bytes.Trim(line, "0123456789ABCDEF")) > 0 {
			return 0, atLine(count, "write %d to %d upper-case hexadecimal digits of a SHA-1", minPrefix, maxPrefix)
		}
		if count > 1 && len(line) != len(last) {
			return 0, atLine(count, "%d digits, the line before has %d", len(line), len(last))
		}
		if count > 1 && bytes.Compare(line, last) <= 0 {
			return 0, atLine(count, "not behind the line before; sort the file and leave repetitions out")
		}
		last = append(last[:0], line...)
	}
	if err := in.Err(); err != nil {
		return 0, atLine(count+1, "%w", err)
	}
	return count, nil
}

// checkAdvisory refuses what is no advisory: a document of the Open Source
// Vulnerability format (OSV), named by its id.
func checkAdvisory(name string, text []byte) error {
	var head struct {
		ID       string `json:"id"`
		Modified string `json:"modified"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return fmt.Errorf(": %w", err)
	}
	if want := "advisories/" + head.ID + ".json"; want != name {
		return fmt.Errorf(": its id is %q; the file must be named by it", head.ID)
	}
	if head.Modified == "" {
		return errors.New(": modified is missing; write advisories in the OSV format")
	}
	return nil
}

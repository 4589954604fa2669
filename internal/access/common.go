package access

import (
	"strings"
	"unicode"
)

// The words that passwords are made of which attackers try first, in the spelling that
// plain gives: nothing of anybody's list, but what every such list begins with.
const (
	commonWords = "password passwort passphrase secret letmein welcome login signin admin administrator root user guest test tester testing " +
		"demo sample example changeme change default temp temporary master super superuser manager operator service system server " +
		"computer internet network security access account private public office company business enterprise mulesoft mule anypoint farrier gateway " +
		"iloveyou loveyou love mylove lover baby babygirl babyboy princess prince angel sunshine rainbow flower butterfly summer winter spring autumn " +
		"january february march april may june july august september october november december monday tuesday wednesday thursday friday saturday sunday " +
		"football baseball basketball soccer hockey tennis golf player champion winner killer hunter shadow dragon monkey tiger lion eagle falcon " +
		"wolf bear horse dolphin cookie chocolate banana orange apple cherry pepper ginger coffee cheese pizza " +
		"michael jordan daniel andrew joshua matthew robert thomas charlie george james john jennifer jessica ashley nicole michelle amanda " +
		"batman superman spiderman starwars pokemon naruto matrix trustno startrek hello helloworld whatever nothing freedom forever lovely " +
		"money dollar million lucky number diamond silver golden purple yellow green blue black white red " +
		"google facebook twitter youtube linkedin microsoft windows apple samsung android iphone amazon oracle cisco ubuntu linux docker kubernetes " +
		"my the your our is a an i am it this that new old good best only one two three pass word pwd key code"
	commonWalks = "qwertyuiopasdfghjklzxcvbnm qwertzuiopasdfghjklyxcvbnm azertyuiopqsdfghjklmwxcvbn mnbvcxzlkjhgfdsapoiuytrewq poiuytrewqlkjhgfdsamnbvcxz " +
		"abcdefghijklmnopqrstuvwxyz zyxwvutsrqponmlkjihgfedcba qazwsxedcrfvtgbyhnujmikolp qweasdzxcrtyfghvbnuiojklm"
)

// common reports whether a password is nothing but common words, the account's name,
// keyboard walks, numbers and signs, one after the other.
func common(password, operator string) bool {
	words := append(strings.Fields(commonWords), plain(operator))
	if local, _, ok := strings.Cut(operator, "@"); ok {
		words = append(words, plain(local))
	}
	letters := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, strings.ToLower(password))
	return madeOf(words, plain(password)) || madeOf(words, letters)
}

// madeOf reports whether a text is words, walks and repeated letters one after the
// other.
func madeOf(words []string, rest string) bool {
	// reach[i] says that the first i bytes are made of such parts.
	reach := make([]bool, len(rest)+1)
	reach[0] = true
	for i := range len(rest) {
		if !reach[i] {
			continue
		}
		for _, w := range words {
			if len(w) > 0 && strings.HasPrefix(rest[i:], w) {
				reach[i+len(w)] = true
			}
		}
		if n := walk(rest[i:]); n > 0 {
			for j := 3; j <= n; j++ {
				reach[i+j] = true
			}
		}
		if n := repeated(rest[i:]); n >= 3 {
			reach[i+n] = true
		}
	}
	return reach[len(rest)]
}

// plain is a password without case, numbers and signs; letters that signs and digits
// stand for among letters are put back.
func plain(password string) string {
	runes := []rune(strings.ToLower(password))
	var out strings.Builder
	for i, r := range runes {
		if unicode.IsLetter(r) {
			out.WriteRune(r)
			continue
		}
		letter := strings.IndexRune("013457@$!", r)
		if letter >= 0 && i > 0 && i < len(runes)-1 && unicode.IsLetter(runes[i-1]) && unicode.IsLetter(runes[i+1]) {
			out.WriteByte("oleastasi"[letter])
		}
	}
	return out.String()
}

// walk is how many bytes at the beginning are one way over the keyboard or alphabet.
func walk(text string) (longest int) {
	for _, path := range strings.Fields(commonWalks) {
		at := strings.IndexByte(path, text[0])
		n := 0
		for at >= 0 && n < len(text) && at+n < len(path) && text[n] == path[at+n] {
			n++
		}
		longest = max(longest, n)
	}
	if longest < 3 {
		return 0
	}
	return longest
}

// repeated is how many bytes at the beginning are the same.
func repeated(text string) int {
	n := 1
	for n < len(text) && text[n] == text[0] {
		n++
	}
	return n
}

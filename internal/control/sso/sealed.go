package sso

import "strconv"

// SealedFor is what the value of a row of sso_key is sealed for; keys are its id.
func SealedFor(keys []string) string {
	if keys[0] == strconv.Itoa(messageRow) {
		return messagePurpose
	}
	return SealPurpose
}

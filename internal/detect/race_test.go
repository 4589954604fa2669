//go:build race

package detect

// stride thins the largest corpora: the race detector costs most of the speed,
// and every plain run plays all of them.
const stride = 40

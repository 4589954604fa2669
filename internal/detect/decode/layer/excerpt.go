package layer

const (
	// longText is the length from which on a decoding that changes little hands out
	// only what lies around its changes.
	longText = 8 << 10
	// around is how much of a long text is handed out on both sides of a change.
	around = 256
	// mostChanges is the number from which on changes are not few.
	mostChanges = 512
)

// changed notes that what is decoded next stands at the end of buf.
func (o *opener) changed(buf []byte) {
	if len(o.text) >= longText && len(o.s.changes) <= mostChanges {
		o.s.changes = append(o.s.changes, len(buf))
	}
}

// emitChanges hands out a copy of b, of which changes tells where it differs from
// the text. The rest of a long text is judged as it stands: where little has
// changed, only that is handed out, with what lies around it.
func (o *opener) emitChanges(d Decoder, b []byte) {
	changes := o.s.changes
	o.s.changes = nil // visitors may decode, too
	total := len(b)
	if len(changes) > 0 && len(changes) <= mostChanges {
		total = 0
		for lo, hi, rest := region(len(b), changes); lo < hi; lo, hi, rest = region(len(b), rest) {
			total += hi - lo
		}
	}
	if total > len(b)/2 {
		o.emitBytes(d, "", b)
	} else {
		text := string(b) // visitors may use b
		for lo, hi, rest := region(len(text), changes); lo < hi && !o.stopped; lo, hi, rest = region(len(text), rest) {
			o.emit(d, "", text[lo:hi])
		}
	}
	o.s.changes = changes[:0]
}

// region gives the first region around changes, and the changes behind it.
func region(n int, changes []int) (lo, hi int, rest []int) {
	if len(changes) == 0 {
		return 0, 0, nil
	}
	lo, hi = max(0, changes[0]-around), changes[0]
	for len(changes) > 0 && changes[0] <= hi+2*around {
		hi, changes = changes[0], changes[1:]
	}
	return lo, min(n, hi+around), changes
}

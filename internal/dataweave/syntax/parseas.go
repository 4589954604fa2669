package syntax

// ParseAs reads a script of a version that it need not say, as the expressions and
// scripts without header of Mule 3. One that says its version is read as that.
func ParseAs(text string, v Version) *Script { return parse(text, v) }

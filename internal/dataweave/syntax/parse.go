package syntax

func parse(text string, v Version) *Script { return &Script{Version: v} }

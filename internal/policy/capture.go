package policy

import "farrier.dev/farrier/internal/traffic"

// Capturer keeps requests, without their credentials, for dry runs of settings.
type Capturer interface {
	// Capture is told of an exchange whose request was judged, and whether it was
	// refused. It copies what it keeps before it returns, and waits for nobody.
	Capture(x *traffic.Exchange, refused bool)
}

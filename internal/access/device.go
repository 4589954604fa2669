package access

import (
	"context"
	"net/netip"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// know remembers the browser of a sign-in, and gives it something to be known by
// unless it has that already.
func (s *Service) know(ctx context.Context, tx *store.Tx, account string, from From) (device string, err error) {
	network, token := networkText(from.Address), from.Device
	known, _, err := s.knownIn(ctx, tx.Reader, account, from)
	if err != nil {
		return "", err
	}
	if !known {
		token, _ = secret.NewToken()
		device = token
	}
	_, err = tx.Exec(ctx, "INSERT INTO access_devices (token_hash, account, network, seen_at) VALUES (?, ?, ?, ?) "+
		"ON CONFLICT (token_hash, account, network) DO UPDATE SET seen_at = excluded.seen_at", hashText(token), account, network, s.now().UnixMilli())
	return device, err
}

// known says whether somebody signed in to an account before from a browser, or from
// its network: neither can be slowed down by strangers.
func (s *Service) known(ctx context.Context, account string, from From) (device, network bool, err error) {
	return s.knownIn(ctx, s.db.Read(), account, from)
}

func (s *Service) knownIn(ctx context.Context, r store.Reader, account string, from From) (device, network bool, err error) {
	var devices, networks int
	err = r.QueryRow(ctx, "SELECT count(CASE WHEN token_hash = ? THEN 1 END), count(CASE WHEN network = ? THEN 1 END) "+
		"FROM access_devices WHERE account = ? AND seen_at > ?", hashText(from.Device), networkText(from.Address), account,
		s.now().Add(-DeviceLife).UnixMilli()).Scan(&devices, &networks)
	return devices > 0 && from.Device != "", networks > 0 && from.Address.IsValid(), err
}

// network is the part of an address that one host has for itself: all of IPv4, and the
// /64 of IPv6. The zero prefix stands for an unknown address.
func network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits)
	return prefix
}

func networkText(addr netip.Addr) string {
	if p := network(addr); p.IsValid() {
		return p.String()
	}
	return "unknown"
}

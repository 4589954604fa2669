// A provider with two clients: mobile gets tokens, gateway asks about them. The
// tokens are opaque; revocation acts at once.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const grants = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] };
  const provider = new Provider(issuer, {
    scopes: ['read', 'write'],
    clients: [
      { client_id: 'mobile', client_secret: 'mobile-secret', scope: 'read write', ...grants },
      { client_id: 'gateway', client_secret: 'gateway-secret', ...grants },
    ],
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      devInteractions: { enabled: false },
    },
    ttl: { ClientCredentials: 600 },
  });
  server.on('request', provider.callback());
  console.log(`issuer ${issuer}`);
});

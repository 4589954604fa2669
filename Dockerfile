# Farrier in a container: one static program, no shell, no package manager.
#
# This file is untested: no container engine ran where it was written. The
# build stage is what `make build` does, with C left out.
#
#   docker build -t farrier .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL \
#     --security-opt no-new-privileges --stop-timeout 45 \
#     -v farrier-data:/data -v "$PWD/manifests:/manifests:ro" \
#     -p 8081:8081 -p 127.0.0.1:9080:9080 farrier
#
# Publish the ports that your manifests listen on. The console must listen on
# all addresses of the container to be reachable at all, so publish its port
# on the loopback address, or behind a proxy that speaks TLS. The one-time
# sign-in link stands in the container's log.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/farrier ./cmd/farrier \
 && mkdir -p /out/data /out/manifests /out/tmp && chmod 0700 /out/data && chmod 1777 /out/tmp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/farrier /farrier
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/manifests /manifests
COPY --from=build /out/tmp /tmp
USER 65532:65532
VOLUME ["/data"]
EXPOSE 9080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/farrier"]
CMD ["serve", "--manifests", "/manifests", "--data", "/data", "--console", "0.0.0.0:9080"]

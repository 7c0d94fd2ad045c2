# The image holds one static binary and nothing else: no shell, no package manager, no root.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /blaze . && mkdir /empty

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# Large uploads are judged from a file in /tmp; mount an emptyDir there where the root is read-only.
COPY --from=build --chown=65532:65532 /empty /tmp
COPY --from=build /blaze /blaze
USER 65532:65532
EXPOSE 8000 9000
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s CMD ["/blaze", "health"]
ENTRYPOINT ["/blaze"]

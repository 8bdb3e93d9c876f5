# What the images that hold things from elsewhere than Debian fetch them in. Build context: languages/.
FROM locus/base:dev
# Where a proxy opens TLS, its certificates stand in this folder as *.crt. They get into this image only.
COPY certificates /usr/local/share/ca-certificates/
RUN locus-install ca-certificates && update-ca-certificates
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt

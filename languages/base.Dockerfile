# What the images of all languages stand on, so that they share its layer. Build context: languages/.
FROM debian:trixie-slim
COPY locus-install /usr/local/sbin/locus-install
# Programs that were written for chat assistants look for their files in /mnt/data.
RUN chmod 0755 /usr/local/sbin/locus-install && ln -s /work /mnt/data
LABEL org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/locus-runner"]
CMD ["serve"]

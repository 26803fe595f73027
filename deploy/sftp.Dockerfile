# The SFTP server source systems drop their files on: OpenSSH, a user for each of them, key login, no shell.
FROM debian:bookworm-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends openssh-server \
    && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* \
    && groupadd --gid 50000 nightwatt \
    && install --directory --owner=root --group=root --mode=0755 /run/sshd /srv/inbound /etc/nightwatt

COPY deploy/sftp_sshd_config /etc/nightwatt/sshd_config
COPY deploy/sftp.sh /usr/local/bin/sftp-server
EXPOSE 22
CMD ["/usr/local/bin/sftp-server"]

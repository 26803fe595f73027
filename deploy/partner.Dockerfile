# A partner's SFTP server for trials: OpenSSH, one user, key login, no shell, locked into one folder.
FROM debian:bookworm-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends openssh-server \
    && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* \
    && useradd --no-create-home --home-dir / --shell /usr/sbin/nologin --password '*' partner \
    && install --directory --owner=root --mode=0755 /run/sshd /srv/partner \
    && install --directory --owner=partner --mode=0755 /srv/partner/shared_files /srv/partner/uploads

COPY deploy/partner_sshd_config /etc/ssh/sshd_config
COPY deploy/partner.sh /usr/local/bin/partner
EXPOSE 22
CMD ["/usr/local/bin/partner"]

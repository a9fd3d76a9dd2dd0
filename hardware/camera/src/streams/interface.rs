//! The network interface by which a camera is reached.

use tokio::net::{UdpSocket, lookup_host};

/// Its name, such as `eth1`; `None` where that cannot be told: the default route's is taken then.
pub async fn towards(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    let camera = lookup_host((host, url.port().unwrap_or(554))).await.ok()?.next()?;
    let any = if camera.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    // Nothing is sent: the kernel is asked which way it would go.
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(camera).await.ok()?;
    let own = socket.local_addr().ok()?.ip();
    let named = |interface: pnet_datalink::NetworkInterface| {
        interface.ips.iter().any(|network| network.ip() == own).then_some(interface.name)
    };
    pnet_datalink::interfaces().into_iter().find_map(named)
}

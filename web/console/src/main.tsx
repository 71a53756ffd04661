import { render } from "preact";

function Console() {
  return (
    <main>
      <h1>HummDesk is running</h1>
      <p>
        Clients connect with Socket.IO at <code>/socket.io/</code> on this address.
      </p>
      <p>
        <a href="/health/ready">Health</a> · <a href="/metrics">Metrics</a>
      </p>
    </main>
  );
}

const place = document.getElementById("console");
if (place) render(<Console />, place);

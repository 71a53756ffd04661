/* The limit: sends the input of the first connection to all others, with one send() each, and does nothing else. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 16384
#define LARGEST 65536

static int receivers[MOST];
static int number = 0;

static int listening(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("listen");
        exit(1);
    }
    return listener;
}

static void accept_waiting(int listener) {
    int on = 1, connection;
    while (number < MOST && (connection = accept(listener, NULL, NULL)) >= 0) {
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        receivers[number++] = connection;
    }
}

static void publish(int source) {
    static char data[LARGEST];
    ssize_t size = read(source, data, sizeof data);
    if (size <= 0)
        exit(0);
    for (int i = 0; i < number; i++)
        if (send(receivers[i], data, size, MSG_NOSIGNAL) != size)
            exit(1);
}

int main(int count, char **arguments) {
    int listener = listening(count > 1 ? atoi(arguments[1]) : 0);
    struct pollfd watched[] = {{.fd = accept(listener, NULL, NULL), .events = POLLIN}, {.fd = listener, .events = POLLIN}};
    fcntl(listener, F_SETFL, O_NONBLOCK);
    while (poll(watched, 2, -1) > 0) {
        accept_waiting(listener); /* before publishing, so that all open connections receive it */
        if (watched[0].revents)
            publish(watched[0].fd);
    }
}

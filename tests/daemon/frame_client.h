#pragma once
/* A client for tests that speaks frames, without libmuclient. Whatever does not go as a test says
 * ends the program with status 1 and a line that says which. */
#include "proto.h"

typedef struct frame_client {
    int socket_fd;
    const char *path;
    uint64_t pid; /* of mud */
    uint64_t last_id;
    proto_decoder *decoder;
    proto_arena *arena; /* of the frames received: all stay until the client is closed */
    Mud__ServerFrame *kept[2048];
    unsigned kept_count;
} frame_client;

/* Ends the program, unless the claim is true. */
void claim_check(bool is_true, const char *file, int line, const char *claim);
#define CLAIM(is_true) claim_check((is_true), __FILE__, __LINE__, #is_true)

/* Connects and says hello. */
frame_client *frame_client_open(const char *path);
void frame_client_close(frame_client *client);
/* Frees the frames received so far. */
void frame_client_forget(frame_client *client);
/* Gives the frame a new id, which is the result, and sends it. */
uint64_t frame_client_send(frame_client *client, Mud__ClientFrame *frame);
/* The reply to a request, or with id 0 the next event; others are kept until they are asked for. */
Mud__ServerFrame *frame_client_wait(frame_client *client, uint64_t id);
/* Is it a reply, or an event, that has come or comes within a moment? */
bool frame_client_has(frame_client *client, uint64_t id, int wait_ms);
/* Sends, waits, and claims that the reply is of this kind. */
Mud__ServerFrame *frame_client_ask(frame_client *client, Mud__ClientFrame *frame,
                                   Mud__ServerFrame__ReplyCase wanted);
/* The same with an error of this code. */
const Mud__Error *frame_client_refused(frame_client *client, Mud__ClientFrame *frame,
                                       Mud__Code code);
/* Uploads a bundle into the VM, which is made if there is none. */
void frame_client_load(frame_client *client, const char *vm, const char *text);

/* task.c - lists of tasks. */
#include "engine/task.h"

#include <stddef.h>

void task_list_push(struct task_list *list, struct task *task)
{
    task->next = NULL;
    if (list->last)
        list->last->next = task;
    else
        list->first = task;
    list->last = task;
    list->count++;
}

struct task *task_list_pop(struct task_list *list)
{
    struct task *task = list->first;
    if (!task)
        return NULL;
    list->first = task->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    task->next = NULL;
    return task;
}

void task_list_join(struct task_list *list, struct task_list *more)
{
    if (more->count == 0)
        return;
    if (list->last)
        list->last->next = more->first;
    else
        list->first = more->first;
    list->last = more->last;
    list->count += more->count;
    *more = (struct task_list){0};
}

void task_list_remove(struct task_list *list, struct task *before)
{
    if (!before) {
        task_list_pop(list);
        return;
    }
    struct task *task = before->next;
    before->next = task->next;
    if (list->last == task)
        list->last = before;
    list->count--;
    task->next = NULL;
}

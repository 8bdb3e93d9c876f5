//! A value that others wait for. They are woken in the order in which they came, unlike those of tokio's `watch`,
//! whose order is a matter of chance.

use std::sync::Mutex;

use tokio::sync::Notify;

#[derive(Default)]
pub struct Shared<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T> Shared<T> {
    pub fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Notify::new() }
    }

    pub fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.value.lock().expect("not poisoned"))
    }

    /// Changes the value and wakes those who wait.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let answer = change(&mut self.value.lock().expect("not poisoned"));
        self.changed.notify_waiters();
        answer
    }

    /// Waits until the value is as wanted.
    pub async fn until(&self, is_so: impl Fn(&T) -> bool) {
        loop {
            let changed = self.changed.notified();
            if self.read(&is_so) {
                return;
            }
            changed.await;
        }
    }
}

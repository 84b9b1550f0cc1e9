//! Derived keys kept ready, per instance, so that no lane waits for another. It must not know what they are for.

/// Keys by what they were derived from; emptied when full, which only a guest that invents domains brings about.
pub(super) struct Ready<T> {
    most: usize,
    all: Vec<([Box<str>; 3], T)>,
}

impl<T> Ready<T> {
    /// At most that many at once, at least one.
    pub(super) fn new(most: usize) -> Self {
        Ready { most, all: Vec::new() }
    }

    /// The one derived from that name, domain and third thing, made where it is not ready.
    pub(super) fn get<E>(&mut self, of: [&str; 3], make: impl FnOnce() -> Result<T, E>) -> Result<&mut T, E> {
        let known = self.all.iter().position(|(known, _)| known.iter().zip(of).all(|(known, of)| **known == *of));
        let at = match known {
            Some(at) => at,
            None => {
                let made = make()?;
                if self.all.len() >= self.most {
                    self.all.clear();
                }
                self.all.push((of.map(Box::from), made));
                self.all.len() - 1
            }
        };
        Ok(&mut self.all[at].1)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn each_is_made_once_and_the_number_is_bounded() {
        let mut ready = Ready::new(3);
        let mut made = 0;
        for domain in ["a", "b", "a", "c", "b"] {
            let got = ready.get(["k", domain, ""], || {
                made += 1;
                Ok::<_, ()>(domain.to_owned())
            });
            assert_eq!(got.unwrap(), domain);
        }
        assert_eq!(made, 3);
        for i in 0..100 {
            ready.get(["k", &i.to_string(), ""], || Ok::<_, ()>(String::new())).unwrap();
            assert!(ready.all.len() <= 3);
        }
        assert_eq!(ready.get(["no", "", ""], || Err("why")), Err("why"));
    }
}
